#!/usr/bin/env bash
# Installs what a bare Debian machine with a Rust toolchain lacks. Says what it installs, and does
# nothing, at once, where all is there. Arguments: what for (build, test, check, demo, stack, fleet, peers).
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/xchat"
tools="$cache/tools"
export PATH="$tools/bin:$PATH"
BUF_VERSION=1.75.0
CARGO_DENY_VERSION=0.20.2

fail() {
    echo "setup: $*" >&2
    exit 1
}

# debian COMMAND PACKAGE…: installs the packages where the command is missing.
debian() {
    local command=$1
    shift
    command -v "$command" >/dev/null && return
    command -v apt-get >/dev/null ||
        fail "$command is missing, and this is no Debian: install it with your package manager"
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "$command is missing. As root, type:
    apt-get update && apt-get install --no-install-recommends $*
and then run make again"
        as_root=(sudo)
    fi
    echo "setup: installing $* (for the command $command)"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq)
    "${apt[@]}" -o DPkg::Lock::Timeout=400 update
    "${apt[@]}" -o DPkg::Lock::Timeout=400 install -y --no-install-recommends "$@" >/dev/null
}

# A C compiler is all that the household build needs.
build() {
    command -v cargo >/dev/null || fail "cargo is missing: install Rust, see https://rustup.rs"
    debian cc gcc libc6-dev
}

# librdkafka is built from its source; a household's build holds none of it.
engines() {
    debian c++ g++
    debian pkg-config pkg-config
    pkg-config --exists openssl || debian openssl-headers libssl-dev
}

tests() {
    build
    engines
    debian python3 python3
    debian faketime faketime
}

check() {
    tests
    debian git git
    debian shellcheck shellcheck
    if [ "$(buf --version 2>/dev/null)" != "$BUF_VERSION" ]; then
        debian npm npm
        echo "setup: installing buf $BUF_VERSION into $tools"
        npm install --silent --no-fund --no-audit --global --prefix "$tools" \
            "@bufbuild/buf@$BUF_VERSION"
    fi
    if [ "$(cargo-deny --version 2>/dev/null)" != "cargo-deny $CARGO_DENY_VERSION" ]; then
        echo "setup: installing cargo-deny $CARGO_DENY_VERSION into $tools (a few minutes)"
        CARGO_TARGET_DIR="$tools/build" cargo install --quiet --root "$tools" \
            --version "$CARGO_DENY_VERSION" --no-default-features cargo-deny
        rm -rf "$tools/build"
    fi
}

demo() {
    build
    debian python3 python3
    debian tmux tmux
}

# Maven brings whichever Java it wants; the engines want 17.
stack() {
    debian mvn maven
    ls /usr/lib/jvm/java-17-*/bin/java >/dev/null 2>&1 ||
        java -version 2>&1 | grep -q 'version "17\.' ||
        debian java-17-runtime openjdk-17-jre-headless
    debian redis-server redis-server redis-tools
    debian openssl openssl
}

fleet() {
    tests
    debian openssl openssl
}

# Servers to be measured beside; the benchmark starts its own, on free ports. Debian may start them as
# services too. One that can't be installed is skipped.
peers() {
    build
    (debian nats-server nats-server) || echo "setup: nats-server can't be installed: skipped"
    (debian ejabberdctl ejabberd) || echo "setup: ejabberd can't be installed: skipped"
}

for part in "$@"; do
    case $part in
        build) build ;;
        test) tests ;;
        check) check ;;
        demo) demo ;;
        stack) stack ;;
        fleet) fleet ;;
        peers) peers ;;
        *) fail "no part is called $part; there are build, test, check, demo, stack, fleet and peers" ;;
    esac
done
