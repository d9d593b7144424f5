# shellcheck shell=bash
# Redis: append-only file, nothing evicted, as the services expect it in production.

# The limit is for a server that is frozen: it accepts the connection and never answers.
redis_answers() { [[ $(timeout 2 redis-cli -h 127.0.0.1 -p "$REDIS_PORT" ping 2>/dev/null 9>&-) == PONG ]]; }

start_redis() {
    already_running redis redis_answers && return 0
    local started
    started=$(now_ms)
    require_ports redis
    mkdir -p "$STACK_DIR/data/redis"
    spawn redis redis-server --bind 127.0.0.1 --port "$REDIS_PORT" --dir "$STACK_DIR/data/redis" --daemonize no \
        --appendonly yes --appendfsync everysec --save '' --maxmemory-policy noeviction
    wait_ready redis 60 redis_answers
    ok "redis ready on 127.0.0.1:$REDIS_PORT ($(seconds_since "$started"))"
}
