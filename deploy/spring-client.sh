#!/usr/bin/env bash
# Compiles crates/e2e/spring and fetches its libraries, once: what target was made from is written in it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../crates/e2e/spring"

made_from=$(cat pom.xml src/main/java/*.java | cksum)
[[ $(cat target/made-from 2>/dev/null) != "$made_from" ]] || exit 0
rm -rf target
mvn -q -B -ntp package
printf '%s\n' "$made_from" >target/made-from
