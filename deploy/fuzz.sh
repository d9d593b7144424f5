#!/usr/bin/env bash
# `make fuzz TARGET=… SECONDS=…`: lets libFuzzer make up input for one of the targets in crates/fuzz, starting from the kept corpus.
# The last line of its output is the number of executions. An input that breaks a check is left in crates/fuzz/cargo-fuzz/artifacts; put
# it into crates/fuzz/corpus with a name that says what it shows, and the tests replay it from then on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:${HOME:-/root}/.cargo/bin

CARGO_FUZZ_VERSION=0.13.2
FUZZ=crates/fuzz/cargo-fuzz

target=${1:-} seconds=${2:-}
seconds=${seconds:-60}
if [[ -z $target || ! -f $FUZZ/fuzz_targets/$target.rs ]]; then
    printf 'usage: make fuzz TARGET=… SECONDS=…\ntargets:\n' >&2
    for path in "$FUZZ"/fuzz_targets/*.rs; do printf '  %s\n' "$(basename "$path" .rs)" >&2; done
    exit 64
fi

grep -q '^nightly' <<<"$(rustup toolchain list)" || rustup toolchain install nightly --profile minimal
command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz --version "$CARGO_FUZZ_VERSION"

# What a run finds stays here and is where the next run goes on; the kept corpus is only read.
build=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
found=$build/corpus/$target
log=$build/$target.log
mkdir -p "$found"

status=0
cargo +nightly fuzz run --fuzz-dir "$FUZZ" --target-dir "$build" "$target" "$found" "crates/fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -max_len=4096 -timeout=10 -print_final_stats=1 2>&1 | tee "$log" || status=$?
executions=$(awk '/^stat::number_of_executed_units:/ { print $2 }' "$log")
if ((status == 0)); then
    printf '%s: %s executions in %s s, nothing found\n' "$target" "$executions" "$seconds"
else
    printf '%s: %s executions, then an input that breaks the check: see above\n' "$target" "${executions:-no}"
fi
exit "$status"
