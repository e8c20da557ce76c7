#!/usr/bin/env bash
# Runs the server in the foreground. Beside it waits until the server answers and then says what to
# type in two other terminals. Argument: the folder of the built programs.
set -euo pipefail

bin=$1
server=$$

# Whether the server, listening where it does by default, says that it is well.
answers() (
    exec 3<>/dev/tcp/127.0.0.1/8420
    printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    answer=$(timeout 2 cat <&3)
    [[ $answer == "HTTP/1.1 200"* ]]
) 2>/dev/null

lines() {
    local path="export PATH=\"$bin:\$PATH\""
    cat <<TEXT

Ready. In two other terminals, type one of these lines each:

    $path XCHAT_PROFILE=alice; xchat register alice
    $path XCHAT_PROFILE=bob; xchat register bob

then, as alice, xchat chat bob, and, as bob, xchat requests. Ctrl-C here stops the server; what it
holds is there at its next start.

TEXT
}

wait_for_server() {
    for _ in {1..600}; do
        # A server that could not start has said why, and another's answer is not ours.
        sleep 0.1
        kill -0 "$server" 2>/dev/null || return
        if answers; then
            lines
            return
        fi
    done
}

wait_for_server &
exec "$bin/xchat-server"
