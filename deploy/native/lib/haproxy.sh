# shellcheck shell=bash
# HAProxy: the public address, in front of all gateways.

render_haproxy() {
    local i fds maxconn
    fds=$(ulimit -n)
    maxconn=$(((fds - 200) / 2)) # two sockets a connection
    sed -e "s|@PUBLIC_PORT@|$PUBLIC_PORT|g" -e "s|@MAXCONN@|$((maxconn > 50000 ? 50000 : maxconn))|g" "$NATIVE_DIR/haproxy.cfg"
    for ((i = 1; i <= GATEWAYS; i++)); do
        printf '    server ws-gateway-%d 127.0.0.1:%d check port %d\n' "$i" $((GATEWAY_PORT_BASE + i)) $((GATEWAY_ADMIN_PORT_BASE + i))
        printf '    server ws-gateway-%d-unready 127.0.0.1:%d backup\n' "$i" $((GATEWAY_PORT_BASE + i))
    done
}

# Starts it, or restarts it when its configuration changed (another number of gateways, another port).
start_haproxy() {
    local config=$STACK_DIR/haproxy.cfg started
    started=$(now_ms)
    render_haproxy >"$config.new"
    if is_running haproxy; then
        if cmp -s "$config.new" "$config"; then
            rm "$config.new"
            already_running haproxy is_listening "$PUBLIC_PORT"
            return 0
        fi
        stop_all haproxy
    fi
    mv "$config.new" "$config"
    require_ports haproxy
    haproxy -c -q -f "$config" >>"$(log_file haproxy)" 2>&1 || die_with_log "haproxy: its configuration is not valid" "$(log_file haproxy)"
    spawn haproxy "$(command -v haproxy)" -db -f "$config"
    wait_ready haproxy 30 is_listening "$PUBLIC_PORT"
    ok "haproxy ready on 127.0.0.1:$PUBLIC_PORT ($(seconds_since "$started"))"
}
