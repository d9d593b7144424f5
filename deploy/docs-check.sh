#!/usr/bin/env bash
# `make docs-check`: fails when a document names something that does not exist: a path of the project, a file it links to, or
# an identifier (a test, a metric, a setting, a function) that occurs nowhere in the sources.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Names that belong to libraries.
FOREIGN=(refinery_schema_history)

problems=0
problem() {
    printf '%s\n' "$*" >&2
    problems=$((problems + 1))
}

# Lines of the document without fenced blocks, each with its number.
prose() { awk '/^```/ { fenced = !fenced; next } !fenced { print FNR ":" $0 }' "$1"; }

# Line and text of every `code` in the document.
# shellcheck disable=SC2016 # these backticks are Markdown
codes() {
    prose "$1" | while IFS=: read -r line text; do
        grep -oE '`[^`]+`' <<<"$text" | sed -e 's/`//g' -e "s|^|$line |" || true
    done
}

check_code() {
    local document=$1 line=$2 code=$3
    if [[ $code =~ ^(crates|services|deploy|docs|migrations)(/[A-Za-z0-9._/-]*)?$ ]]; then
        [[ -e $code ]] || problem "$document:$line: there is no $code"
    elif [[ $code =~ ^[a-z0-9]+(_[a-z0-9]+){2,}$ && " ${FOREIGN[*]} " != *" $code "* ]]; then
        grep -rqwF --include='*.rs' --include='*.toml' --include='*.sql' "$code" crates services migrations ||
            problem "$document:$line: $code occurs nowhere in the sources"
    fi
}

check_links() {
    local document=$1 line text target
    while IFS=: read -r line text; do
        while read -r target; do
            [[ -z $target || $target == *://* || $target == '#'* ]] && continue
            [[ -e $(dirname "$document")/${target%%#*} ]] || problem "$document:$line: there is no $target to link to"
        done < <(grep -oE '\]\([^)]+\)' <<<"$text" | sed -e 's/^](//' -e 's/)$//' || true)
    done < <(prose "$document")
}

mapfile -t documents < <(find . -name '*.md' -not -path './target/*' -not -path './.stack*' -not -path '*/node_modules/*' | sed 's|^\./||' | sort)
for document in "${documents[@]}"; do
    while read -r line code; do check_code "$document" "$line" "$code"; done < <(codes "$document")
    check_links "$document"
done
((problems == 0)) || { printf '%d names in the documents lead nowhere\n' "$problems" >&2; exit 1; }
printf '%d documents checked\n' "${#documents[@]}"
