#!/usr/bin/env bash
# Runs the server in the foreground and, when it says that it is ready, what to type in two other
# terminals. Arguments: the folder of the built programs, and the server's data folder, if it is
# another than the usual one.
set -euo pipefail

bin=$1
flags=()
if [[ -n ${2:-} ]]; then
    flags=(--data-dir "$2")
fi

say_what_to_type() {
    local shell="export PATH=\"$bin:\$PATH\""
    # A client that is told nothing looks at port 8420 of this machine.
    if [[ $1 != 127.0.0.1:8420 ]]; then
        shell+=" XCHAT_SERVER=ws://$1"
    fi
    cat <<TEXT

Type one of these lines in each of two other terminals:

    $shell XCHAT_PROFILE=alice
    $shell XCHAT_PROFILE=bob

and go on as in README.md, from \`xchat register\` on. Ctrl-C here stops the server; what it holds is there at its next start.

TEXT
}

# The server's standard output; it logs to standard error. Ctrl-C is for the server alone.
relay() {
    trap '' INT
    while read -r line; do
        echo "$line"
        if [[ $line == ready:* ]]; then
            say_what_to_type "${line##*/}"
        fi
    done
}

exec "$bin/xchat-server" "${flags[@]}" > >(relay)
