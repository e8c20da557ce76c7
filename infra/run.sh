#!/usr/bin/env bash
# Runs the server in the foreground and, when it says that it is ready, what to type in two other
# terminals. Argument: the folder of the built programs.
set -euo pipefail

bin=$1

say_what_to_type() {
    local path="export PATH=\"$bin:\$PATH\""
    cat <<TEXT

Type one of these lines in each of two other terminals:

    $path XCHAT_PROFILE=alice; xchat register alice
    $path XCHAT_PROFILE=bob; xchat register bob

and go on as in README.md. Ctrl-C here stops the server; what it holds is there at its next start.

TEXT
}

# The server's standard output; it logs to standard error. Ctrl-C is for the server alone.
relay() {
    trap '' INT
    while read -r line; do
        echo "$line"
        if [[ $line == ready:* ]]; then
            say_what_to_type
        fi
    done
}

exec "$bin/xchat-server" > >(relay)
