# shellcheck shell=bash
# PostgreSQL: a cluster of our own. It refuses to run as root, so as root it runs as the package's user `postgres`.

# Sets PG_BIN to the directory of the newest installed server.
find_postgres() {
    local candidate
    for candidate in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr) "$(dirname "$(command -v initdb || echo /nonexistent/initdb)")"; do
        if [[ -x $candidate/initdb && -x $candidate/postgres ]]; then
            PG_BIN=$candidate
            return 0
        fi
    done
    return 1
}

as_postgres() {
    if ((EUID == 0)); then
        # setpriv and not runuser: it becomes the command, so the pid we record is the server's.
        setpriv --reuid=postgres --regid=postgres --init-groups "$@"
    else
        "$@"
    fi
}

# Sets PG_DATA. Below STACK_DIR, unless its user cannot get there (a checkout in /root): then in its own home, with a
# link in STACK_DIR.
locate_postgres_data() {
    PG_DATA=$STACK_DIR/data/postgres
    ((EUID == 0)) || return 0
    if [[ ! -e $PG_DATA ]] && ! as_postgres test -x "$STACK_DIR/data"; then
        local outside
        outside=/var/lib/postgresql/realtime-chat-$(cksum <<<"$STACK_DIR" | cut -d' ' -f1)
        rm -rf "$outside" # left by a STACK_DIR that was deleted by hand: its password is gone with it
        install -d -m 700 -o postgres "$outside"
        ln -sfn "$outside" "$PG_DATA"
    fi
    PG_DATA=$(realpath -m "$PG_DATA")
}

psql_as() {
    local user=$1 database=$2
    shift 2
    PGPASSWORD=$POSTGRES_PASSWORD PGCONNECT_TIMEOUT=2 timeout 10 "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 \
        -h 127.0.0.1 -p "$POSTGRES_PORT" -U "$user" -d "$database" "$@" 9>&-
}
postgres_answers() { psql_as postgres postgres -c 'SELECT 1' >/dev/null 2>&1; }

init_postgres() {
    [[ -s $PG_DATA/PG_VERSION && ! -e $STACK_DIR/data/postgres.incomplete ]] && return 0
    # An interrupted initdb leaves half a cluster: the marker says so, and it starts over.
    touch "$STACK_DIR/data/postgres.incomplete"
    mkdir -p "$PG_DATA"
    find "$PG_DATA" -mindepth 1 -delete
    chmod 700 "$PG_DATA"
    ((EUID != 0)) || chown postgres "$PG_DATA"
    local password_file
    password_file=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$password_file"
    ((EUID != 0)) || chown postgres "$password_file"
    local status=0
    (cd / && as_postgres "$PG_BIN/initdb" -D "$PG_DATA" -U postgres --pwfile="$password_file" --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8) >>"$(log_file postgres)" 2>&1 || status=$?
    rm -f "$password_file"
    ((status == 0)) || die_with_log "postgres: initdb failed" "$(log_file postgres)"
    rm -f "$STACK_DIR/data/postgres.incomplete"
}

# After SIGKILL the lock file stays, and PostgreSQL honours it as long as the pid exists in any form: as a zombie that
# nobody has collected yet, or as another program. Called when our own server does not run.
drop_stale_lock() {
    local lock=$PG_DATA/postmaster.pid pid
    [[ -f $lock ]] || return 0
    pid=$(head -n 1 "$lock")
    if [[ $(proc_stat "$pid" 1) != Z ]] && grep -qF -- "$PG_DATA" < <(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline"); then
        die "postgres: pid $pid already serves $PG_DATA" "it was not started by this stack; stop it first"
    fi
    rm -f "$lock"
}

start_postgres() {
    local started
    started=$(now_ms)
    find_postgres || die "PostgreSQL is not installed" "make up installs it"
    already_running postgres postgres_answers && return 0
    require_ports postgres
    locate_postgres_data
    init_postgres
    drop_stale_lock
    local command=("$PG_BIN/postgres" -D "$PG_DATA" -c listen_addresses=127.0.0.1 -c "port=$POSTGRES_PORT"
        -c unix_socket_directories= -c max_connections=300)
    if ((EUID == 0)); then
        (cd / && spawn postgres setpriv --reuid=postgres --regid=postgres --init-groups "${command[@]}")
    else
        spawn postgres "${command[@]}"
    fi
    wait_ready postgres 60 postgres_answers
    create_database
    ok "postgres ready on 127.0.0.1:$POSTGRES_PORT ($(seconds_since "$started"))"
}

# The services' role is no superuser; it owns its database.
create_database() {
    psql_as chat chat -c 'SELECT 1' >/dev/null 2>&1 && return 0
    psql_as postgres postgres >>"$(log_file postgres)" 2>&1 <<SQL || die_with_log "postgres: could not create the database" "$(log_file postgres)"
SELECT 'CREATE ROLE chat LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'chat') \\gexec
ALTER ROLE chat PASSWORD '$POSTGRES_PASSWORD';
SELECT 'CREATE DATABASE chat OWNER chat' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'chat') \\gexec
SQL
}
