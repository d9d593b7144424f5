# shellcheck shell=bash
# Distribution packages: installed only when what they provide is missing.

MISSING=()

# want PACKAGE CHECK...: notes the package when the check fails.
want() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || MISSING+=("$package")
}
has() { command -v "$1" >/dev/null 2>&1; }

want_infra() {
    want postgresql find_postgres
    want redis-server has redis-server
    want redis-tools has redis-cli
    want default-jre-headless find_java
    [[ -d $KAFKA_LIBS ]] || want maven has mvn
}
want_haproxy() { want haproxy has haproxy; }
want_build() {
    want build-essential has g++
    want make has make
    want pkg-config has pkg-config
    want lld has ld.lld
}

want_node() {
    want nodejs has node
    want npm has npm
}
want_maven() {
    want maven has mvn
    want default-jdk-headless has javac
}
# What the tests of the REST API run: the lines of its guide, and tools from PyPI.
want_api() {
    want curl has curl
    want jq has jq
    want python3-venv python3 -c 'import ensurepip, venv'
}
want_lint() { want shellcheck has shellcheck; }

# Installs what `want` collected.
install_missing() {
    ((${#MISSING[@]})) || return 0
    local install="apt-get install -y --no-install-recommends ${MISSING[*]}"
    has apt-get || die "missing: ${MISSING[*]}" "this system has no apt-get: install them by hand and run the command again"
    ((EUID == 0)) || die "missing packages: ${MISSING[*]}" "install them with: sudo $install" "then run the command again"
    note "installing: ${MISSING[*]}"
    run_step "packages installed" "$(log_file install)" install_packages "${MISSING[@]}" ||
        die_with_log "packages could not be installed" "$(log_file install)" "try it by hand: $install"
    MISSING=()
}

install_packages() {
    local policy=/usr/sbin/policy-rc.d
    # The packages would start PostgreSQL, Redis and HAProxy with their own configuration; ours run from STACK_DIR.
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        # shellcheck disable=SC2064 # the value of now; run_step gives this function a subshell of its own
        trap "rm -f '$policy'" EXIT
    fi
    # Minimal images have no manual pages, and the JRE's installer expects their directory.
    mkdir -p /usr/share/man/man1
    local status=0
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } || status=$?
    if ((status == 0)) && [[ -d /run/systemd/system ]]; then
        local package
        for package in "$@"; do
            case $package in
                postgresql | redis-server | haproxy) systemctl disable --quiet "$package" || true ;;
            esac
        done
    fi
    return "$status"
}
