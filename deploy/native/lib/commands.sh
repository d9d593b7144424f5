# shellcheck shell=bash
# The commands of stack.sh.

INFRA=(postgres redis kafka)

cmd_install() {
    local what
    for what; do
        case $what in
            infra | haproxy | build | node | maven | api | lint) "want_$what" ;;
            *) die "install knows: infra haproxy build node maven api lint, not '$what'" ;;
        esac
    done
    install_missing
}

cmd_up() {
    local only=${1:-} started
    started=$(now_ms)
    [[ -z $only || $only == infra ]] || die "up knows only 'infra', not '$only'"
    want_infra
    if [[ -z $only ]]; then
        want_haproxy
        [[ -n $BIN_DIR_GIVEN ]] || want_build
    fi
    install_missing
    # All of them now: a taken port is better known before the build than after it.
    require_ports "${INFRA[@]}"
    # shellcheck disable=SC2046 # one word a name
    [[ -n $only ]] || require_ports $(service_names) haproxy
    start_postgres
    start_redis
    start_kafka
    [[ -z $only ]] || return 0
    build_services
    set_up_topics_and_tables
    start_services
    start_haproxy
    print_welcome "$(seconds_since "$started")"
}

print_welcome() {
    local i url=http://127.0.0.1:$PUBLIC_PORT addresses='' chatctl=${BIN_DIR#"$PROJECT_DIR"/}/chatctl
    for ((i = 1; i <= GATEWAYS; i++)); do addresses+="http://127.0.0.1:$((GATEWAY_PORT_BASE + i))  "; done
    cat <<TEXT

${UI_BOLD}Realtime Chat is running${UI_OFF} (up in $1)

  open            $url
  API reference   $url/api/docs
  gateways        $addresses
  logs            $STACK_DIR/logs

  try             $chatctl demo --url $url
  two terminals   $chatctl chat --as alice --url http://127.0.0.1:$((GATEWAY_PORT_BASE + 1))
                  $chatctl chat --as bob --url http://127.0.0.1:$((GATEWAY_PORT_BASE + (GATEWAYS > 1 ? 2 : 1)))
  look inside     make status · make logs SERVICE=persister · make topic TOPIC=chat-events
  stop            make down
TEXT
}

# In the order of the flow: no new clients, no gateways, no workers, then what they stand on.
cmd_down() {
    local file names=()
    for file in "$STACK_DIR"/pids/ws-gateway-*.pid; do
        [[ ! -e $file ]] || names+=("$(basename "$file" .pid)")
    done
    stop_all haproxy
    stop_all "${names[@]}" "${WORKERS[@]}"
    stop_all kafka
    stop_all redis postgres
    ok "nothing of $STACK_DIR is running"
}

cmd_clean() {
    cmd_down
    locate_postgres_data
    rm -rf "$PG_DATA" "$STACK_DIR"
    ok "$STACK_DIR deleted"
}

require_name() {
    case ${1:-} in
        postgres | redis | kafka | haproxy | persister | broadcaster | notifier | read-receipt) ;;
        ws-gateway-[1-9] | ws-gateway-[1-9][0-9]) ;;
        '') die "which one? NAME is missing" "names: postgres redis kafka haproxy $(service_names | tr '\n' ' ')" ;;
        *) die "there is no '$1' in this stack" "names: postgres redis kafka haproxy $(service_names | tr '\n' ' ')" ;;
    esac
}

cmd_start() {
    require_name "${1:-}"
    case $1 in
        postgres | redis | kafka | haproxy) "start_$1" ;;
        *)
            launch_service "$1"
            await_services
            ;;
    esac
}

cmd_stop() {
    require_name "${1:-}"
    stop_all "$1"
}

cmd_restart() {
    cmd_stop "$@"
    cmd_start "$@"
}

cmd_kill() {
    require_name "${1:-}"
    is_running "$1" || die "$1 is not running"
    kill_hard "$1"
    ok "$1 killed"
}

is_ready() {
    case $1 in
        postgres) find_postgres && postgres_answers ;;
        redis) redis_answers ;;
        kafka | haproxy) is_listening "$(port_of "$1")" ;;
        *) http_ready "$(admin_port_of "$1")" ;;
    esac
}

cmd_status() {
    local name pid ready memory
    printf '%-14s %-8s %8s %6s %6s %9s\n' NAME STATE PID PORT READY MEMORY
    for name in "${INFRA[@]}" $(service_names) haproxy; do
        if pid=$(pid_of "$name"); then
            ready=no
            is_ready "$name" && ready=yes
            memory=$(awk '/^VmRSS/ { printf "%.0f MiB", $2 / 1024 }' "/proc/$pid/status" 2>/dev/null || true)
            printf '%-14s %-8s %8s %6s %6s %9s\n' "$name" running "$pid" "$(port_of "$name")" "$ready" "$memory"
        else
            printf '%-14s %-8s %8s %6s %6s %9s\n' "$name" stopped - "$(port_of "$name")" - -
        fi
    done
}

cmd_logs() {
    local name=${1:-} file
    file=$(log_file "$name")
    [[ -n $name && -f $file ]] || die "no log of '$name'" "logs: $(cd "$STACK_DIR/logs" && printf '%s ' *.log)"
    shift
    exec tail -n 100 "$@" "$file"
}

# `env` is for a shell; `env test` has only what the tests read: services that they start refuse settings of others.
cmd_env() {
    local postgres=postgres://chat:$POSTGRES_PASSWORD@127.0.0.1:$POSTGRES_PORT/chat redis=redis://127.0.0.1:$REDIS_PORT
    if [[ ${1:-} != test ]]; then
        cat <<TEXT
export CHAT__POSTGRES__URL=$postgres
export CHAT__REDIS__URL=$redis
export CHAT__KAFKA__BROKERS=127.0.0.1:$KAFKA_PORT
export CHAT__AUTH__SECRET=$AUTH_SECRET
TEXT
    fi
    cat <<TEXT
export CHAT_TEST_POSTGRES_URL=$postgres
export CHAT_TEST_REDIS_URL=$redis
export CHAT_TEST_KAFKA_BROKERS=127.0.0.1:$KAFKA_PORT
TEXT
}

cmd_kafka_console() {
    [[ -n ${1:-} ]] || die "which topic?" "for example: make topic TOPIC=chat-events"
    is_running kafka || die "kafka is not running" "start it: make up"
    kafka_console "$@"
}
