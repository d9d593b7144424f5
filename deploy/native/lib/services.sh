# shellcheck shell=bash
# Our own binaries: built, set up (topics, migrations), started and watched until ready.

WORKERS=(persister broadcaster notifier read-receipt)
LAUNCHED=()

gateway_names() { local i; for ((i = 1; i <= GATEWAYS; i++)); do echo "ws-gateway-$i"; done; }
service_names() { printf '%s\n' "${WORKERS[@]}"; gateway_names; }

binary_of() { case $1 in ws-gateway-*) echo "$BIN_DIR/ws-gateway" ;; *) echo "$BIN_DIR/$1" ;; esac; }

build_services() {
    [[ -z $BIN_DIR_GIVEN ]] || return 0
    has cargo || die "cargo is not installed" "install Rust with rustup and run the command again"
    run_step "services built ($CARGO_PROFILE)" "$(log_file build)" env -C "$PROJECT_DIR" \
        cargo build --locked --profile "$CARGO_PROFILE" \
        -p ws-gateway -p persister -p broadcaster -p notifier -p read-receipt -p chatctl ||
        die_with_log "the services could not be built" "$(log_file build)" "fix the error above and run the command again"
}

# Sets SETTINGS: a command prefix with the settings of all services and those given, and without the CHAT__ variables of the caller's
# shell, which would silently differ from one `up` to the next. Settings of one's own go to services.env.
set_service_env() {
    local variable line lines
    lines=("$@"
        "CHAT__KAFKA__BROKERS=127.0.0.1:$KAFKA_PORT"
        "CHAT__REDIS__URL=redis://127.0.0.1:$REDIS_PORT"
        "CHAT__POSTGRES__URL=postgres://chat:$POSTGRES_PASSWORD@127.0.0.1:$POSTGRES_PORT/chat")
    if [[ -f $SERVICES_ENV ]]; then
        while IFS= read -r line || [[ -n $line ]]; do
            [[ -z $line || $line == '#'* ]] && continue
            [[ $line =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || die "$SERVICES_ENV: not a NAME=value line: $line"
            lines+=("$line")
        done <"$SERVICES_ENV"
    fi
    SETTINGS=(env)
    for variable in $(compgen -e CHAT__ || true); do SETTINGS+=(-u "$variable"); done
    SETTINGS+=("${lines[@]}")
}

set_up_topics_and_tables() {
    local started
    started=$(now_ms)
    [[ -x $BIN_DIR/chatctl ]] || die "there is no $BIN_DIR/chatctl" "build it: make build"
    set_service_env
    (cd "$PROJECT_DIR" && "${SETTINGS[@]}" "$BIN_DIR/chatctl" setup) >>"$(log_file setup)" 2>&1 9>&- ||
        die_with_log "chatctl setup failed (topics, migrations)" "$(log_file setup)"
    ok "topics and tables set up ($(seconds_since "$started"))"
}

# The key pair of Web Push, made once: with another one every browser would have to subscribe anew.
load_vapid() {
    local file=$STACK_DIR/vapid.env
    if [[ ! -s $file ]]; then
        (umask 077 && "$BIN_DIR/chatctl" vapid >"$file.new") || die "chatctl vapid made no key pair for Web Push" "build it anew: make build"
        mv "$file.new" "$file"
    fi
    # shellcheck source=/dev/null
    source "$file"
}

# Starts a service without waiting (await_services does); one whose binary or settings are newer than its process is restarted.
launch_service() {
    local name=$1 binary settings
    binary=$(binary_of "$name")
    [[ -x $binary ]] || die "$name: there is no $binary" "build it: make build"
    if is_running "$name"; then
        if [[ ! $binary -nt $(pid_file "$name") && ! $SERVICES_ENV -nt $(pid_file "$name") ]]; then
            LAUNCHED+=("$name") # still to be seen ready
            return 0
        fi
        stop_all "$name"
    fi
    require_ports "$name"
    settings=("CHAT__ADMIN__LISTEN=127.0.0.1:$(admin_port_of "$name")")
    case $name in
        ws-gateway-*)
            load_vapid
            settings+=("CHAT__HTTP__LISTEN=127.0.0.1:$(port_of "$name")" "CHAT__AUTH__SECRET=$AUTH_SECRET"
                "CHAT__PUSH__VAPID_PUBLIC_KEY=$CHAT__PUSH__VAPID_PUBLIC_KEY")
            ;;
        notifier)
            load_vapid
            settings+=("CHAT__PUSH__VAPID_PRIVATE_KEY=$CHAT__PUSH__VAPID_PRIVATE_KEY")
            ;;
    esac
    set_service_env "${settings[@]}"
    spawn "$name" "${SETTINGS[@]}" "$binary"
    LAUNCHED+=("$name")
}

await_services() {
    local name started
    started=$(now_ms)
    for name in "${LAUNCHED[@]}"; do
        wait_ready "$name" 60 http_ready "$(admin_port_of "$name")"
        ok "$name ready ($(seconds_since "$started"))"
    done
    LAUNCHED=()
}

# A gateway beyond GATEWAYS was started by an earlier `up` with more of them.
stop_surplus_gateways() {
    local file name surplus=()
    for file in "$STACK_DIR"/pids/ws-gateway-*.pid; do
        [[ -e $file ]] || continue
        name=$(basename "$file" .pid)
        ((${name##*-} <= GATEWAYS)) || surplus+=("$name")
    done
    stop_all "${surplus[@]}"
}

start_services() {
    local name
    stop_surplus_gateways
    for name in $(service_names); do launch_service "$name"; done
    await_services
}
