# shellcheck shell=bash
# Apache Kafka: one node in KRaft mode, run from its Maven artifacts on the installed JRE.

KAFKA_FILES=$NATIVE_DIR/kafka
# Shared by all stacks of this user. The pom's checksum is in the name: another pom, another directory.
KAFKA_LIBS=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/realtime-chat/kafka-4.3.1-$(cksum <"$KAFKA_FILES/pom.xml" | cut -d' ' -f1)
MIN_JAVA=17

# Prints the major version of a java binary.
java_major() { "$1" -version 2>&1 9>&- | sed -nE 's/.* version "(1\.)?([0-9]+).*/\2/p' | head -n 1; }

# Sets JAVA to the first java that is new enough: JAVA_HOME, PATH, then what lies in /usr/lib/jvm.
find_java() {
    local candidate major
    JAVA_TOO_OLD=''
    for candidate in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
        [[ -n $candidate && -x $candidate ]] || continue
        major=$(java_major "$candidate")
        if ((${major:-0} >= MIN_JAVA)); then
            JAVA=$(realpath "$candidate")
            return 0
        fi
        JAVA_TOO_OLD="$candidate is version ${major:-unknown}, Kafka needs $MIN_JAVA or newer"
    done
    return 1
}

require_java() {
    find_java || die "no Java $MIN_JAVA or newer found${JAVA_TOO_OLD:+ ($JAVA_TOO_OLD)}" \
        "install one: apt-get install openjdk-17-jre-headless, or set JAVA_HOME"
}

# Fetched into a directory beside the final one and renamed: the final one is always complete.
fetch_kafka() {
    [[ -d $KAFKA_LIBS ]] && return 0
    require_java
    local partial
    mkdir -p "$(dirname "$KAFKA_LIBS")"
    partial=$(mktemp -d "$KAFKA_LIBS.XXXXXX")
    if ! run_step "Kafka fetched (45 MB)" "$(log_file kafka-fetch)" env JAVA_HOME="${JAVA%/bin/java}" \
        mvn -B -ntp -f "$KAFKA_FILES/pom.xml" -DoutputDirectory="$partial" \
        org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies; then
        rm -rf "$partial"
        die_with_log "Kafka could not be fetched" "$(log_file kafka-fetch)" \
            "check the network (Maven Central, or the mirror in Maven's settings.xml) and run the command again"
    fi
    # Another stack may have been faster: its copy is as good.
    mv -T "$partial" "$KAFKA_LIBS" 2>/dev/null || rm -rf "$partial"
}

# kafka_command HEAP LOG_CONFIG [JVM_OPTIONS...] CLASS [ARGS...]: sets KAFKA_COMMAND to the command line.
kafka_command() {
    local heap=$1 log_config=$2
    shift 2
    KAFKA_COMMAND=("$JAVA" "-Xms$heap" "-Xmx$heap" -Djava.awt.headless=true "-Dlog4j2.configurationFile=$log_config"
        -cp "$KAFKA_LIBS/*" "$@")
}
kafka_tool() {
    require_java
    fetch_kafka
    kafka_command 128m "$KAFKA_FILES/log4j2-tools.xml" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "$@"
    "${KAFKA_COMMAND[@]}" 9>&-
}

# A cluster id: 16 random bytes in URL-safe base64, not starting with a dash.
random_cluster_id() {
    local id=-
    while [[ $id == -* ]]; do id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '='); done
    printf '%s' "$id"
}

format_kafka() {
    local properties=$1
    [[ -s $STACK_DIR/data/kafka/meta.properties ]] && return 0
    kafka_tool kafka.tools.StorageTool format -t "$(random_cluster_id)" -c "$properties" --standalone -g \
        >>"$(log_file kafka)" 2>&1 || die_with_log "kafka: its storage could not be formatted" "$(log_file kafka)"
}

# Not through a pipe: grep ends at its match, and what tail could not write any more would count as a failure (pipefail).
kafka_started() { is_listening "$KAFKA_PORT" && grep -q 'Kafka Server started' < <(tail -c "+$1" "$(log_file kafka)"); }

start_kafka() {
    already_running kafka is_listening "$KAFKA_PORT" && return 0
    local started properties=$STACK_DIR/kafka/server.properties log_start
    started=$(now_ms)
    require_java
    fetch_kafka
    require_ports kafka
    mkdir -p "$STACK_DIR/kafka"
    local proxied='' advertised=''
    if [[ -n $KAFKA_ADVERTISED_PORT ]]; then
        proxied=,PROXIED://127.0.0.1:$KAFKA_PROXIED_PORT
        advertised=,PROXIED://127.0.0.1:$KAFKA_ADVERTISED_PORT
    fi
    sed -e "s|@PROXIED_LISTENER@|$proxied|" -e "s|@PROXIED_ADVERTISED@|$advertised|" \
        -e "s|@KAFKA_PORT@|$KAFKA_PORT|g" -e "s|@KAFKA_CONTROLLER_PORT@|$KAFKA_CONTROLLER_PORT|g" \
        -e "s|@DATA_DIR@|$STACK_DIR/data/kafka|g" "$KAFKA_FILES/server.properties" >"$properties"
    format_kafka "$properties"
    touch "$(log_file kafka)"
    log_start=$(($(stat -c %s "$(log_file kafka)") + 1))
    kafka_command "${KAFKA_HEAP:-512m}" "$KAFKA_FILES/log4j2.xml" -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:+ExitOnOutOfMemoryError \
        kafka.Kafka "$properties"
    spawn kafka "${KAFKA_COMMAND[@]}"
    wait_ready kafka 90 kafka_started "$log_start"
    ok "kafka ready on 127.0.0.1:$KAFKA_PORT ($(seconds_since "$started"))"
}

# Prints a topic with partition, offset, headers and key, from its beginning, until interrupted.
kafka_console() {
    local topic=$1
    shift
    kafka_tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "127.0.0.1:$KAFKA_PORT" --topic "$topic" \
        --from-beginning --formatter-property print.partition=true --formatter-property print.offset=true \
        --formatter-property print.headers=true --formatter-property print.key=true "$@"
}
