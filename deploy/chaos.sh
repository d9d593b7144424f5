#!/usr/bin/env bash
# `make chaos`, `make soak` (SOAK is its length in minutes): builds the services and the runner, and runs it on PostgreSQL, Redis and Kafka of its
# own. FAULT, COMPONENT, LINK (one or several with commas), SEED and RUNS choose; without them, everything is broken once in every way.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:${HOME:-/root}/.cargo/bin

CARGO_PROFILE=${CARGO_PROFILE:-dev}
profile_dir=$CARGO_PROFILE
[[ $profile_dir != dev ]] || profile_dir=debug

STACK_DIR=$PWD/.stack-chaos deploy/native/stack.sh install infra build
cargo build --locked --profile "$CARGO_PROFILE" \
    -p chat-chaos -p ws-gateway -p persister -p broadcaster -p notifier -p read-receipt

arguments=()
[[ -z ${FAULT:-} ]] || arguments+=(--fault "$FAULT")
[[ -z ${COMPONENT:-} ]] || arguments+=(--component "$COMPONENT")
[[ -z ${LINK:-} ]] || arguments+=(--link "$LINK")
[[ -z ${SEED:-} ]] || arguments+=(--seed "$SEED")
[[ -z ${RUNS:-} ]] || arguments+=(--runs "$RUNS")
# Half the rate: the whole history of a long run is read by every client at last, and by the checker.
[[ -z ${SOAK:-} ]] || arguments+=(--soak "$SOAK" --pause-ms 1000)
ulimit -n "$(ulimit -Hn)"
exec "${CARGO_TARGET_DIR:-target}/$profile_dir/chat-chaos" "${arguments[@]}" "$@"
