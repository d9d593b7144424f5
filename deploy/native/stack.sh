#!/usr/bin/env bash
# The native stack: PostgreSQL, Redis, Kafka, HAProxy and the five services as plain processes under STACK_DIR.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: deploy/native/stack.sh COMMAND

  up [infra]         install what is missing, start everything and wait until it is ready (infra: postgres redis kafka)
  down               stop everything, data stays
  status             a table of all processes
  logs NAME [-f]     the last lines of a log, or follow it
  start|stop|restart|kill NAME   one process (kill = SIGKILL)
  install WHAT...    only the packages: infra haproxy build node maven api lint
  env [test]         shell lines with the addresses of this stack: eval "$(deploy/native/stack.sh env)"
                     (test: only those that the tests read)
  kafka-console TOPIC [ARGS]     print a topic: partition, offset, headers, key, value
  clean              down, and delete STACK_DIR with all data

NAME: postgres redis kafka haproxy ws-gateway-1 … persister broadcaster notifier read-receipt

environment:
  STACK_DIR     where data, logs, pids and secrets live (.stack in the project)
  PORT_OFFSET   moves all ports; single ones: deploy/native/ports.env
  GATEWAYS      number of gateways (2)
  BIN_DIR       take the binaries from there and build nothing
  CARGO_PROFILE profile to build otherwise (release)
  $STACK_DIR/services.env        NAME=value lines for all services, for example CHAT__LOG__FILTER=debug
TEXT
}

NATIVE_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT_DIR=$(cd "$NATIVE_DIR/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin:${HOME:-/root}/.cargo/bin # where Debian keeps haproxy, and rustup cargo

absolute() { (cd "$PROJECT_DIR" && realpath -m -- "$1"); }
STACK_DIR=$(absolute "${STACK_DIR:-.stack}")
SERVICES_ENV=$STACK_DIR/services.env
GATEWAYS=${GATEWAYS:-2}
CARGO_PROFILE=${CARGO_PROFILE:-release}
BIN_DIR_GIVEN=${BIN_DIR:-}
profile_dir=$CARGO_PROFILE
[[ $profile_dir != dev ]] || profile_dir=debug
BIN_DIR=$(absolute "${BIN_DIR:-target/$profile_dir}")

source "$NATIVE_DIR/ports.env"
source "$NATIVE_DIR/lib/ui.sh"
source "$NATIVE_DIR/lib/process.sh"
source "$NATIVE_DIR/lib/ports.sh"
source "$NATIVE_DIR/lib/install.sh"
source "$NATIVE_DIR/lib/postgres.sh"
source "$NATIVE_DIR/lib/redis.sh"
source "$NATIVE_DIR/lib/kafka.sh"
source "$NATIVE_DIR/lib/haproxy.sh"
source "$NATIVE_DIR/lib/services.sh"
source "$NATIVE_DIR/lib/commands.sh"

on_signal() {
    tick_end
    [[ -z ${STEP_PID:-} ]] || kill "$STEP_PID" 2>/dev/null || true
    printf '\ninterrupted: run the command again to go on, or stop what runs with: make down\n' >&2
    exit 130
}
trap on_signal INT TERM

# Databases and the load balancer want many descriptors; a limit without end makes HAProxy allocate for all of them.
raise_descriptor_limit() {
    local hard
    hard=$(ulimit -Hn)
    if [[ $hard == unlimited ]] || ((hard > 200000)); then hard=200000; fi
    ulimit -Sn "$hard"
}

# One command at a time changes a stack.
lock() {
    mkdir -p "$STACK_DIR"/{data,logs,pids}
    exec 9>"$STACK_DIR/.lock"
    if ! flock -n 9; then
        note "another stack command is running on $STACK_DIR: waiting for it"
        flock 9
    fi
}

# Made once; its passwords are those of the data beside it.
load_secrets() {
    local file=$STACK_DIR/secrets.env
    if [[ ! -s $file ]]; then
        (
            umask 077
            printf 'POSTGRES_PASSWORD=%s\nAUTH_SECRET=%s\n' "$(random_hex 16)" "$(random_hex 32)" >"$file.new"
            mv "$file.new" "$file"
        )
    fi
    # shellcheck source=/dev/null
    source "$file"
}
random_hex() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

action=${1:-help}
shift || true
case $action in
    install | up | down | start | stop | restart | clean)
        lock
        load_secrets
        raise_descriptor_limit
        "cmd_$action" "$@"
        ;;
    kill | status | logs | env | kafka-console)
        mkdir -p "$STACK_DIR"/{data,logs,pids}
        load_secrets
        "cmd_${action//-/_}" "$@"
        ;;
    help | -h | --help) usage ;;
    *)
        usage >&2
        exit 64
        ;;
esac
