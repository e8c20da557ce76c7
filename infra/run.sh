#!/usr/bin/env bash
# Starts a server in the foreground and, once it answers, says what to type elsewhere.
# Arguments: the folder of the built programs.
set -euo pipefail

bin=$1
"$bin/xchat-server" &
server=$!
trap 'kill -TERM $server 2>/dev/null || true; wait $server || true' INT TERM

for _ in $(seq 100); do
    if ! kill -0 "$server" 2>/dev/null; then
        wait "$server"
        exit
    fi
    if "$bin/xchat" doctor --quiet >/dev/null 2>&1; then
        cat <<TEXT

Ready. In two other terminals, type:

    PATH="$bin:\$PATH"; xchat register alice && xchat --profile alice chat bob
    PATH="$bin:\$PATH"; xchat register bob && xchat --profile bob chat alice

Ctrl-C stops the server; what it holds stays for the next start.
TEXT
        break
    fi
    sleep 0.1
done
wait "$server"
