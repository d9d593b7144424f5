# shellcheck shell=bash
# Which ports are listened on, and by whom: from /proc, so that no tool has to be installed for it.

# Prints the socket inodes listening on a TCP port (state 0A).
listening_inodes() {
    local hex
    printf -v hex '%04X' "$1"
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port=":$hex" '$4 == "0A" && $2 ~ port "$" { print $10 }'
}

is_listening() { [[ -n $(listening_inodes "$1") ]]; }

# Prints "NAME (pid N)" of the process that listens on a port, or says that it cannot be seen.
port_owner() {
    local inode fd pid
    for inode in $(listening_inodes "$1"); do
        fd=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)
        [[ -n $fd ]] || continue
        pid=${fd#/proc/}
        pid=${pid%%/*}
        printf '%s (pid %s)' "$(cat "/proc/$pid/comm" 2>/dev/null)" "$pid"
        return
    done
    printf 'a process of another user'
}

# ports_of NAME: "PORT VARIABLE" lines, the main port first; VARIABLE is what moves the port.
ports_of() {
    local variable=${1^^}_ADMIN_PORT
    variable=${variable//-/_}
    case $1 in
        postgres) echo "$POSTGRES_PORT POSTGRES_PORT" ;;
        redis) echo "$REDIS_PORT REDIS_PORT" ;;
        kafka)
            printf '%s\n' "$KAFKA_PORT KAFKA_PORT" "$KAFKA_CONTROLLER_PORT KAFKA_CONTROLLER_PORT"
            [[ -z $KAFKA_ADVERTISED_PORT ]] || echo "$KAFKA_PROXIED_PORT KAFKA_PROXIED_PORT"
            ;;
        haproxy) echo "$PUBLIC_PORT PUBLIC_PORT" ;;
        ws-gateway-*)
            echo "$((GATEWAY_PORT_BASE + ${1##*-})) GATEWAY_PORT_BASE"
            echo "$((GATEWAY_ADMIN_PORT_BASE + ${1##*-})) GATEWAY_ADMIN_PORT_BASE"
            ;;
        *) echo "${!variable} $variable" ;;
    esac
}
port_of() { ports_of "$1" | sed -n '1s/ .*//p'; }
admin_port_of() { ports_of "$1" | sed -n '$s/ .*//p'; }

# require_ports NAME...: fails when a port of a process that does not run is taken by another one.
require_ports() {
    local name port variable
    for name; do
        is_stopped "$name" || continue
        while read -r port variable; do
            # The threads of a process that was killed a moment ago can outlive it, with its sockets.
            for _ in {1..30}; do
                is_listening "$port" || continue 2
                sleep 0.1
            done
            die "$name: port $port is taken by $(port_owner "$port")" \
                "stop that process, or move: $variable=<n> make up" \
                "(PORT_OFFSET=<n> moves all ports at once; the list is deploy/native/ports.env)"
        done < <(ports_of "$name")
    done
}

# http_ready PORT: GET /ready answers 200. Plain bash, so that curl is not needed.
http_ready() {
    local status
    status=$(
        exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
        printf 'GET /ready HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
        IFS=' ' read -r -t 2 _ code _ <&3 && printf '%s' "$code"
    ) || return 1
    [[ $status == 200 ]]
}
