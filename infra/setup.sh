#!/usr/bin/env bash
# Installs what a bare Debian machine with a Rust toolchain lacks. Says what it installs; does
# nothing, at once, when all is there. Arguments: build, test, check, demo.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/xchat"
tools="$cache/tools"
export PATH="$tools/bin:$PATH"
BUF_VERSION=1.75.0
CARGO_DENY_VERSION=0.20.2

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "setup: this needs root: type   $*   as root, then run make again" >&2
        exit 1
    fi
}

# debian COMMAND PACKAGE…: installs the packages where the command is missing.
debian() {
    local command=$1
    shift
    command -v "$command" >/dev/null && return
    if ! command -v apt-get >/dev/null; then
        echo "setup: $command is missing; install it with your system's package manager" >&2
        exit 1
    fi
    echo "setup: installing $* (for $command)"
    as_root apt-get -o DPkg::Lock::Timeout=400 update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=400 install -y -qq \
        --no-install-recommends "$@" >/dev/null
}

build() {
    if ! command -v cargo >/dev/null; then
        echo "setup: cargo is missing; install Rust with rustup, see https://rustup.rs" >&2
        exit 1
    fi
    debian cc gcc libc6-dev
    debian c++ g++
    debian cmake cmake
}

tests() {
    build
    debian python3 python3
    debian faketime faketime
}

check() {
    tests
    debian git git
    if [ "$(buf --version 2>/dev/null)" != "$BUF_VERSION" ]; then
        debian npm npm
        echo "setup: installing buf $BUF_VERSION"
        npm install --silent --no-fund --no-audit --global --prefix "$tools" \
            "@bufbuild/buf@$BUF_VERSION"
    fi
    if [ "$(cargo-deny --version 2>/dev/null)" != "cargo-deny $CARGO_DENY_VERSION" ]; then
        echo "setup: installing cargo-deny $CARGO_DENY_VERSION (a few minutes)"
        CARGO_TARGET_DIR="$cache/tools/build" cargo install --quiet --root "$tools" \
            --version "$CARGO_DENY_VERSION" cargo-deny --no-default-features
        rm -rf "$cache/tools/build"
    fi
}

demo() {
    build
    debian tmux tmux
}

for part in "$@"; do
    case $part in
        build) build ;;
        test) tests ;;
        check) check ;;
        demo) demo ;;
        *) echo "setup: no part is called $part; there are build, test, check, demo" >&2; exit 64 ;;
    esac
done
