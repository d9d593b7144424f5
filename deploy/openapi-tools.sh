#!/usr/bin/env bash
# Installs what crates/e2e/tests/openapi.rs runs, a validator of OpenAPI documents and schemathesis, from PyPI into target/openapi,
# once: what it was made from is written in it. New versions: edit requirements.in, and let pip-compile (pip-tools) write
# requirements.txt as its first lines say.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

REQUIREMENTS=crates/e2e/openapi/requirements.txt
VENV=target/openapi

made_from=$({ python3 --version && cat "$REQUIREMENTS"; } | cksum)
[[ $(cat "$VENV/made-from" 2>/dev/null) != "$made_from" ]] || exit 0
rm -rf "$VENV"
python3 -m venv "$VENV"
"$VENV/bin/pip" install --quiet --no-input --disable-pip-version-check --only-binary :all: --require-hashes -r "$REQUIREMENTS"
printf '%s\n' "$made_from" >"$VENV/made-from"
