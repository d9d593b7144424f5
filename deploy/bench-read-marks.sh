#!/usr/bin/env bash
# `make bench-read-marks`: brings up the whole system on its own, measures what one read mark costs each of its processes in a small and in a
# large room, and puts the table into docs/READ_RECEIPTS.md. The system is stopped again if it was started here. Arguments go to
# `chat-experiments read-mark-cost`; with any, nothing is written unless `--write` is one of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:${HOME:-/root}/.cargo/bin

CARGO_PROFILE=${CARGO_PROFILE:-release}
profile_dir=$CARGO_PROFILE
[[ $profile_dir != dev ]] || profile_dir=debug
target=${CARGO_TARGET_DIR:-target}

export STACK_DIR=${STACK_DIR:-$PWD/.stack-read-marks} PORT_OFFSET=${PORT_OFFSET:-6500} GATEWAYS=${GATEWAYS:-2}
stack=$PWD/deploy/native/stack.sh
"$stack" install infra haproxy build
cargo build --locked --profile "$CARGO_PROFILE" \
    -p chat-experiments -p ws-gateway -p persister -p broadcaster -p notifier -p read-receipt -p chatctl

(($# > 0)) || set -- --write docs/READ_RECEIPTS.md
if ! grep -q '^haproxy *running' <<<"$("$stack" status)"; then
    trap '"$stack" down' EXIT
fi
BIN_DIR=$target/$profile_dir "$stack" up
addresses=$("$stack" env)
eval "$addresses"
ulimit -n "$(ulimit -Hn)"
public=${PUBLIC_PORT:-$((8080 + PORT_OFFSET))}
"$target/$profile_dir/chat-experiments" read-mark-cost --url "http://127.0.0.1:$public" --stack "$STACK_DIR" "$@"
