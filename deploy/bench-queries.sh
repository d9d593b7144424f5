#!/usr/bin/env bash
# `make bench-queries`: fills a schema of its own, asserts the plan of every query, and measures room lists and searches; Markdown into
# target/bench-queries.md. Without CHAT_TEST_POSTGRES_URL it runs on a stack of its own, which it stops again if it started it. MESSAGES chooses
# how much there is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:${HOME:-/root}/.cargo/bin

CARGO_PROFILE=${CARGO_PROFILE:-dev} # what takes the time is PostgreSQL
profile_dir=$CARGO_PROFILE
[[ $profile_dir != dev ]] || profile_dir=debug
target=${CARGO_TARGET_DIR:-target}

export STACK_DIR=${STACK_DIR:-$PWD/.stack-bench} PORT_OFFSET=${PORT_OFFSET:-4500}
stack=$PWD/deploy/native/stack.sh
"$stack" install infra build
cargo build --locked --profile "$CARGO_PROFILE" -p chat-bench

if [[ -z ${CHAT_TEST_POSTGRES_URL:-} ]]; then
    if ! grep -q '^postgres *running' <<<"$("$stack" status)"; then
        trap '"$stack" down' EXIT
        "$stack" up infra
    fi
    addresses=$("$stack" env test)
    eval "$addresses"
fi
"$target/$profile_dir/chat-bench" --messages "${MESSAGES:-1000000}" --write "$target/bench-queries.md" "$@"
