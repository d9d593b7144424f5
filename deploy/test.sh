#!/usr/bin/env bash
# `make test`: installs what is missing, starts PostgreSQL, Redis and Kafka of its own, runs every suite, stops them.
# The last line of its output is "N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:${HOME:-/root}/.cargo/bin
exec </dev/null

export STACK_DIR=$PWD/.stack-test PORT_OFFSET=${PORT_OFFSET:-3000}
# Inherited by every process of this run: whatever is left of it at the end is found by it.
export CHAT_TEST_RUN=$$-$RANDOM
STACK=$PWD/deploy/native/stack.sh
LOG=$STACK_DIR/logs/test.log
# Targets that kill services and infrastructure, or load the machine: one after the other, one test at a time.
SERIAL=(openapi processes recovery chaos)

passed=0 failed=0 broken=() infra_started=''

# stage NAME COMMAND...: runs it, shows and logs its output and duration, adds up its `test result:` lines. A command that
# fails without a failed test (it did not compile, it crashed) counts as one failure.
stage() {
    local name=$1 output status=0 started=$SECONDS stage_passed stage_failed command viewer
    shift
    output=$STACK_DIR/logs/stage.log
    printf '\n== %s\n' "$name" | tee -a "$LOG"
    # Through a file and not a pipe: a process that a test left behind would keep a pipe open, and this waiting.
    "$@" >"$output" 2>&1 &
    command=$!
    tail -n +1 -f -s 0.2 --pid="$command" "$output" &
    viewer=$!
    wait "$command" || status=$?
    wait "$viewer" || true
    cat "$output" >>"$LOG"
    stage_passed=$(sum_results passed "$output")
    stage_failed=$(sum_results failed "$output")
    if ((status != 0 && stage_failed == 0)); then stage_failed=1; fi
    ((stage_failed == 0)) || broken+=("$name")
    passed=$((passed + stage_passed)) failed=$((failed + stage_failed))
    printf '== %s: %d s\n' "$name" $((SECONDS - started)) | tee -a "$LOG"
    return "$status"
}

sum_results() {
    awk -v what="$1" '/^test result: / { for (i = 2; i <= NF; i++) if ($i == what ";") sum += $(i - 1) } END { print sum + 0 }' "$2"
}

stop_everything() {
    [[ -z $infra_started ]] || "$STACK" down || true
    infra_started=''
    local process pid
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        [[ $pid != "$$" && $pid != "$BASHPID" ]] || continue
        if grep -qx "CHAT_TEST_RUN=$CHAT_TEST_RUN" < <(tr '\0' '\n' 2>/dev/null <"$process/environ"); then
            kill -KILL "$pid" 2>/dev/null || true
        fi
    done
}

finish() {
    stop_everything
    local name
    for name in "${broken[@]}"; do printf 'failed: %s (log: %s)\n' "$name" "$LOG"; done
    printf 'took %d s\n%d passed, %d failed\n' "$SECONDS" "$passed" "$failed"
    trap - EXIT
    ((failed == 0)) || exit 1
    exit 0
}
trap 'failed=$((failed + 1)); broken+=("interrupted or stopped early"); finish' EXIT
trap 'exit 130' INT TERM

# The names of all integration test targets, without those of SERIAL.
parallel_targets() {
    local path name
    for path in {crates,services}/*/tests/*.rs {crates,services}/*/tests/*/main.rs; do
        [[ -e $path ]] || continue
        name=$(basename "$path" .rs)
        [[ $name != main ]] || name=$(basename "$(dirname "$path")")
        [[ " ${SERIAL[*]} " == *" $name "* ]] || echo "$name"
    done | sort -u
}

if ! grep -q ' running ' <<<"$("$STACK" status)"; then
    # Every run starts from empty data; a stack that somebody left running is used as it is, and left running.
    "$STACK" clean >/dev/null
    infra_started=1
fi
mkdir -p "$(dirname "$LOG")"
: >"$LOG"
ulimit -n "$(ulimit -Hn)"

tools=(build api)
[[ ! -f crates/e2e/js/package-lock.json ]] || tools+=(node)
[[ ! -f crates/e2e/spring/pom.xml ]] || tools+=(maven)
stage "tools" "$STACK" install "${tools[@]}" || finish
stage "infrastructure" "$STACK" up infra || finish
eval "$("$STACK" env test)"
export CHAT_TEST_STACK=$STACK CHAT_TEST_BIN_DIR=$PWD/target/debug
# One selection of packages and one profile throughout: another would compile the dependencies again with other features.
stage "build" cargo build --workspace --locked --bins --examples --tests || finish
if [[ -f crates/e2e/js/package-lock.json ]]; then
    stage "npm ci" npm ci --prefix crates/e2e/js --no-audit --no-fund || finish
fi
if [[ -f crates/e2e/spring/pom.xml ]]; then
    stage "mvn package" deploy/spring-client.sh || finish
fi

stage "openapi tools" deploy/openapi-tools.sh || finish

targets=()
for name in $(parallel_targets); do targets+=(--test "$name"); done
stage "tests" cargo test --workspace --locked --no-fail-fast --lib --bins "${targets[@]}" || true
for name in "${SERIAL[@]}"; do
    [[ -f crates/e2e/tests/$name.rs || -f crates/e2e/tests/$name/main.rs ]] || continue
    stage "$name" cargo test --workspace --locked --no-fail-fast --test "$name" -- --test-threads=1 || true
done
stage "doc tests" cargo test --workspace --locked --no-fail-fast --doc || true
finish
