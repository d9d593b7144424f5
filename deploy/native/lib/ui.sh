# shellcheck shell=bash
# What the user sees: progress lines, errors, and steps that may take long.
# shellcheck disable=SC2034 # the colours are used by the other parts

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    UI_TTY=1 UI_BOLD=$'\e[1m' UI_DIM=$'\e[2m' UI_GREEN=$'\e[32m' UI_RED=$'\e[31m' UI_YELLOW=$'\e[33m' UI_OFF=$'\e[0m'
else
    UI_TTY='' UI_BOLD='' UI_DIM='' UI_GREEN='' UI_RED='' UI_YELLOW='' UI_OFF=''
fi

ok() { printf '  %sok%s    %s\n' "$UI_GREEN" "$UI_OFF" "$*"; }
note() { printf '        %s\n' "$*"; }
warn() { printf '  %swarn%s  %s\n' "$UI_YELLOW" "$UI_OFF" "$*" >&2; }

# die MESSAGE [REMEDY...]: ends the command; each remedy is printed on a line of its own.
die() {
    printf '  %sfail%s  %s\n' "$UI_RED" "$UI_OFF" "$1" >&2
    shift
    local line
    for line; do printf '        %s\n' "$line" >&2; done
    exit 1
}

# die_with_log STEP LOG REMEDY...: like die, with the end of the log that says why.
die_with_log() {
    local step=$1 log=$2
    shift 2
    if [[ -s $log ]]; then
        printf '%s--- last lines of %s%s\n' "$UI_DIM" "$log" "$UI_OFF" >&2
        tail -n 15 "$log" >&2
        printf '%s---%s\n' "$UI_DIM" "$UI_OFF" >&2
    fi
    die "$step" "log: $log" "$@"
}

now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s' $((t / 1000)); }
seconds_since() { local ms=$(($(now_ms) - $1)); printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100)); }

# One tick of a running step: on a terminal a line that rewrites itself, elsewhere a line every 15 seconds.
tick() {
    local label=$1 started=$2 detail=${3:-} ms
    ms=$(($(now_ms) - started))
    if [[ -n $UI_TTY ]]; then
        printf '\r\e[K  ...   %s  %d s  %s%s%s' "$label" $((ms / 1000)) "$UI_DIM" "${detail:0:60}" "$UI_OFF"
    elif ((ms / 15000 > ${TICKS_PRINTED:-0})); then
        TICKS_PRINTED=$((ms / 15000))
        printf '  ...   %s  %d s\n' "$label" $((ms / 1000))
    fi
}
tick_end() { TICKS_PRINTED=0; [[ -z $UI_TTY ]] || printf '\r\e[K'; }

# wait_for LABEL TIMEOUT_SECONDS COMMAND...: polls until the command succeeds; 1 on timeout.
wait_for() {
    local label=$1 limit_ms=$(($2 * 1000)) started
    shift 2
    started=$(now_ms)
    until "$@"; do
        if (($(now_ms) - started > limit_ms)); then
            tick_end
            return 1
        fi
        tick "$label" "$started"
        sleep 0.1
    done
    tick_end
}

# run_step LABEL LOG COMMAND...: runs a long command with its output in LOG and its progress on the screen.
run_step() {
    local label=$1 log=$2 started status=0
    shift 2
    started=$(now_ms)
    mkdir -p "$(dirname "$log")"
    : >"$log"
    "$@" >>"$log" 2>&1 </dev/null 9>&- &
    STEP_PID=$!
    while kill -0 "$STEP_PID" 2>/dev/null; do
        tick "$label" "$started" "$([[ -z $UI_TTY ]] || tail -n 1 "$log" | tr -cd '[:print:]')"
        sleep 0.2
    done
    wait "$STEP_PID" || status=$?
    STEP_PID=''
    tick_end
    ((status == 0)) || return "$status"
    ok "$label ($(seconds_since "$started"))"
}
