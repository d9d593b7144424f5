#!/usr/bin/env bash
# `make experiment-read-receipts`: compares ways to move a read mark forward on PostgreSQL and Redis, and puts the table into
# docs/READ_RECEIPTS.md. Without CHAT_TEST_POSTGRES_URL and CHAT_TEST_REDIS_URL it runs on stores of its own, which it stops again if it started
# them. Arguments go to `chat-experiments read-receipts`; `--quick` only says whether it works, and writes nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:${HOME:-/root}/.cargo/bin

CARGO_PROFILE=${CARGO_PROFILE:-release} # readers that are slow themselves would be measured with the rest
profile_dir=$CARGO_PROFILE
[[ $profile_dir != dev ]] || profile_dir=debug
target=${CARGO_TARGET_DIR:-target}

export STACK_DIR=${STACK_DIR:-$PWD/.stack-experiment} PORT_OFFSET=${PORT_OFFSET:-6000}
stack=$PWD/deploy/native/stack.sh
"$stack" install infra build
cargo build --locked --profile "$CARGO_PROFILE" -p chat-experiments

arguments=()
[[ " $* " == *" --quick "* ]] || arguments+=(--write docs/READ_RECEIPTS.md)
if [[ -z ${CHAT_TEST_POSTGRES_URL:-} || -z ${CHAT_TEST_REDIS_URL:-} ]]; then
    for store in postgres redis; do
        if ! grep -q "^$store *running" <<<"$("$stack" status)"; then
            trap '"$stack" down' EXIT
            "$stack" start "$store"
        fi
    done
    addresses=$("$stack" env test)
    eval "$addresses"
    arguments+=(--stack "$STACK_DIR")
fi
ulimit -n "$(ulimit -Hn)"
"$target/$profile_dir/chat-experiments" read-receipts "${arguments[@]}" "$@"
