# shellcheck shell=bash
# Long-running processes: each has logs/NAME.log and pids/NAME.pid ("PID START_TIME"; the start time tells our process
# from another program that got the same pid later).

pid_file() { printf '%s/pids/%s.pid' "$STACK_DIR" "$1"; }
log_file() { printf '%s/logs/%s.log' "$STACK_DIR" "$1"; }

# proc_stat PID FIELD: a field of /proc/PID/stat, counted after the command name (1 = state, 2 = parent, 20 = start time).
proc_stat() {
    local stat fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    read -ra fields <<<"${stat##*) }"
    printf '%s' "${fields[$2 - 1]}"
}

# Prints the pid of a running process of ours; fails when it does not run. A zombie does not run.
pid_of() {
    local pid started
    { read -r pid started <"$(pid_file "$1")"; } 2>/dev/null || return 1
    [[ $(proc_stat "$pid" 20) == "$started" && $(proc_stat "$pid" 1) != Z ]] || return 1
    printf '%s' "$pid"
}
is_running() { pid_of "$1" >/dev/null; }
is_stopped() { ! is_running "$1"; }

# spawn NAME COMMAND...: detached from this shell and its terminal, appending to the log. The child writes its own pid
# file before it becomes the command, so an interrupted `up` leaves nothing that `down` cannot find.
spawn() {
    local name=$1
    shift
    rm -f "$(pid_file "$name")"
    # shellcheck disable=SC2016 # expanded by the inner shell
    setsid bash -c '
        stat=$(</proc/$$/stat); read -ra fields <<<"${stat##*) }"
        printf "%s %s\n" "$$" "${fields[19]}" >"$0"
        exec "$@"
    ' "$(pid_file "$name")" "$@" >>"$(log_file "$name")" 2>&1 </dev/null 9>&- &
    wait_for "$name" 10 test -s "$(pid_file "$name")" || die "$name: could not be started" "log: $(log_file "$name")"
}

# wait_ready NAME TIMEOUT CHECK...: until the check succeeds; a process that ends instead is reported with its log.
wait_ready() {
    local name=$1 limit=$2
    shift 2
    wait_for "$name" "$limit" ready_or_dead "$name" "$@" || die_with_log "$name: not ready after $limit s" "$(log_file "$name")" \
        "it is left running for a look at it; stop everything with: make down"
    is_running "$name" || die_with_log "$name: ended while starting" "$(log_file "$name")" "then run the command again"
}
# already_running NAME CHECK...: true when it runs and is, or becomes, ready.
already_running() {
    local name=$1
    shift
    is_running "$name" || return 1
    wait_ready "$name" 60 "$@"
    ok "$name is running"
}
ready_or_dead() {
    local name=$1
    shift
    "$@" || is_stopped "$name"
}

signal_of() { if [[ $1 == postgres ]]; then echo INT; else echo TERM; fi; } # INT = PostgreSQL's fast shutdown

# stop_all NAME...: asks all at once, waits up to 30 s for each, then kills with a warning.
stop_all() {
    local name pid started asked=()
    started=$(now_ms)
    for name; do
        if pid=$(pid_of "$name"); then
            kill -s "$(signal_of "$name")" "$pid" 2>/dev/null || true
            asked+=("$name")
        else
            rm -f "$(pid_file "$name")"
        fi
    done
    for name in "${asked[@]}"; do
        if ! wait_for "stopping $name" 30 is_stopped "$name"; then
            warn "$name did not stop in 30 s: killed"
            kill_hard "$name"
        fi
        rm -f "$(pid_file "$name")"
        ok "$name stopped ($(seconds_since "$started"))"
    done
}

# SIGKILL for the process and its children: PostgreSQL's backends would outlive their postmaster for a moment and hold
# its shared memory.
kill_hard() {
    local pid child family=()
    pid=$(pid_of "$1") || return 0
    for child in /proc/[0-9]*; do
        [[ $(proc_stat "${child#/proc/}" 2) == "$pid" ]] && family+=("${child#/proc/}")
    done
    kill -KILL "$pid" "${family[@]}" 2>/dev/null || true
    wait_for "killing $1" 10 is_stopped "$1" || die "$1 (pid $pid) survived SIGKILL"
    rm -f "$(pid_file "$1")"
}
