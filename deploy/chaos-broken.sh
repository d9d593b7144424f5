#!/usr/bin/env bash
# `make chaos-broken`: builds the services with fail points, breaks them in three ways under load, and expects the checker to notice each.
# SEED chooses. The binaries have a directory of their own: none of them must ever be taken for one that is fit to run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:${HOME:-/root}/.cargo/bin

target=${CARGO_TARGET_DIR:-target}/broken
STACK_DIR=${STACK_DIR:-$PWD/.stack-chaos}
PORT_OFFSET=${PORT_OFFSET:-1500}
export STACK_DIR PORT_OFFSET

deploy/native/stack.sh install infra build
cargo build --locked --target-dir "$target" --features chat-service/fail-points \
    -p chat-service -p chat-chaos -p ws-gateway -p persister -p broadcaster -p notifier -p read-receipt

ulimit -n "$(ulimit -Hn)"
# A kill can fall between two batches, where nothing is at stake: then there is nothing to notice, and another seed follows.
caught() {
    local seed
    for seed in "${SEED:-1}" $((${SEED:-1} + 1)) $((${SEED:-1} + 2)); do
        if "$target/debug/chat-chaos" --seed "$seed" --stack-dir "$STACK_DIR" --port-offset "$PORT_OFFSET" "$@"; then return 0; fi
    done
    return 1
}

escaped=0
for broken in commit-first no-dedupe no-watermark; do
    caught --broken "$broken" "$@" || escaped=$((escaped + 1))
done
echo "$((3 - escaped)) caught, $escaped not caught"
((escaped == 0))
