#!/usr/bin/env bash
# Chooses how the system runs and passes the command on: the compose form where deploy/compose.yaml exists and a Docker
# engine answers, else the native form. FORM=native or FORM=compose decides by hand.
set -euo pipefail

deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

choose_form() {
    if [[ -n ${FORM:-} ]]; then
        echo "$FORM"
    elif [[ -f $deploy/compose.yaml ]] && docker info >/dev/null 2>&1; then
        echo compose
    else
        echo native
    fi
}

form=$(choose_form)
runner=$deploy/$form/stack.sh
[[ -x $runner ]] || { echo "FORM=$form: there is no $runner" >&2; exit 64; }
exec "$runner" "$@"
