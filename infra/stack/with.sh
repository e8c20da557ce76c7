#!/usr/bin/env bash
# with.sh ENGINE… -- COMMAND…: runs a command while engines are up, told where they are by
# XCHAT_TEST_…; stops those that it started. One node of each that is not up yet.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stack="$here/stack.sh"
engines=()
while (($#)) && [ "$1" != -- ]; do
    engines+=("$1")
    shift
done
if (($# < 2)) || [ ${#engines[@]} = 0 ]; then
    echo "usage: with.sh ENGINE… -- COMMAND…" >&2
    exit 2
fi
shift

started=()
stop() {
    if [ ${#started[@]} != 0 ]; then "$stack" down "${started[@]}"; fi
}
trap stop EXIT
up=$("$stack" status || true)
for engine in "${engines[@]}"; do
    # A node's line begins with its engine's name.
    if ! grep -Eq "^$engine(-[0-9]+)? " <<<"$up"; then started+=("$engine"); fi
done
"$stack" up "${engines[@]}" >/dev/null
# shellcheck disable=SC2046 # one assignment a word
export $("$stack" env)
"$@"
