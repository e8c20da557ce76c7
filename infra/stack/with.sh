#!/usr/bin/env bash
# with.sh [--nodes 1|3] ENGINE… -- COMMAND…: runs a command while engines are up, told where they are
# by XCHAT_TEST_…; stops those that it started. Engines that run already are left as they are: with
# another number of nodes than asked for they are not touched, and the command is not run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stack="$here/stack.sh"
engines=() nodes=()
while (($#)) && [ "$1" != -- ]; do
    case $1 in
        --nodes)
            nodes=(--nodes "${2:-}")
            shift
            ;;
        *) engines+=("$1") ;;
    esac
    shift || break
done
if (($# < 2)) || [ ${#engines[@]} = 0 ]; then
    echo "usage: with.sh [--nodes 1|3] ENGINE… -- COMMAND…" >&2
    exit 2
fi
shift

# runs ENGINE: whether any of its nodes has a process, by the lines of stack.sh: the node's name, then
# `process N answers, …`, or what else that process does. One that died has none.
runs() {
    grep -Eq "^$1(-[0-9]+)? +process [0-9]+ " <<<"$status"
}

# 1: something is wrong, 3: nothing is up. Anything else, and it is not known what runs.
status=$("$stack" status) || case $? in
    1 | 3) ;;
    *) exit 1 ;;
esac
started=()
for engine in "${engines[@]}"; do
    if ! runs "$engine"; then started+=("$engine"); fi
done
stop() {
    if [ ${#started[@]} != 0 ]; then "$stack" down "${started[@]}"; fi
}
trap stop EXIT
if [ ${#started[@]} = ${#engines[@]} ]; then
    # Tests make a topic and tables for each of their houses, and leave them to be looked at. Engines
    # that keep those of many runs become slow: what runs here begins with none, beside other data.
    export XCHAT_STACK_DATA=test-data
    "$stack" erase "${engines[@]}" >/dev/null
fi
"$stack" up "${nodes[@]}" "${engines[@]}" >/dev/null
status=$("$stack" status) || true
for engine in "${engines[@]}"; do
    if ! grep -Eq "^$engine(-[0-9]+)? .* answers, " <<<"$status"; then
        echo "with.sh: $engine does not answer: see stack.sh status" >&2
        exit 1
    fi
done
# shellcheck disable=SC2046 # one assignment a word
export $("$stack" env)
"$@"
