# shellcheck shell=bash
# Nodes as processes: recorded by process id and start time, so that another process that got the
# same id later is never taken for the node. Sourced by stack.sh, which sets `state`.

fail() {
    echo "stack: $*" >&2
    exit 1
}

say() {
    echo "stack: $*"
}

# started_at PID: the start time in clock ticks since boot; fails if there is no such process.
started_at() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The command's name is in brackets and may hold anything; fields count from behind it.
    read -ra stat <<<"${stat##*) }"
    [ "${stat[0]}" != Z ] && echo "${stat[19]}"
}

# launch NODE COMMAND…: starts and records; standard output and error go to the node's log.
launch() {
    local node=$1 pid
    shift
    mkdir -p "$state/$node"
    # Its own session: Ctrl-C where the stack was started is not for the engines. The lock (9) is
    # not theirs either.
    setsid "$@" >>"$state/$node/log" 2>&1 </dev/null 9>&- &
    pid=$!
    echo "$pid $(started_at "$pid" || echo gone)" >"$state/$node/pid"
}

recorded() {
    [ -f "$state/$1/pid" ]
}

# pid_of NODE: the id of the node's process; fails unless that very process lives.
pid_of() {
    local pid started
    read -r pid started 2>/dev/null <"$state/$1/pid" || return 1
    [ "$(started_at "$pid")" = "$started" ] && echo "$pid"
}

is_paused() {
    [[ $(cat "/proc/$1/stat" 2>/dev/null) == *") T "* ]]
}

# until_paused PID: a signal reaches the threads of a process one by one.
until_paused() {
    local deadline=$((SECONDS + 10))
    while [ -n "$(grep -L ') T ' "/proc/$1/task/"*/stat 2>/dev/null)" ]; do
        ((SECONDS < deadline)) || fail "process $1 can't be stopped"
        sleep 0.01
    done
}

# until_gone NODE SECONDS
until_gone() {
    local deadline=$((SECONDS + $2))
    while pid_of "$1" >/dev/null; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# until_ready NODE SECONDS COMMAND…: until the command, a real request, is answered.
until_ready() {
    local node=$1 deadline=$((SECONDS + $2))
    shift 2
    until "$@"; do
        pid_of "$node" >/dev/null || fail "$node died at its start; its log is $state/$node/log"
        ((SECONDS < deadline)) || fail "$node does not answer; its log is $state/$node/log"
        sleep 0.2
    done
}

stop_node() {
    local node=$1 pid
    if pid=$(pid_of "$node"); then
        kill -TERM "$pid"
        kill -CONT "$pid"
        if ! until_gone "$node" 40; then
            say "$node does not stop; killing it"
            kill -KILL "$pid"
            until_gone "$node" 10 || fail "$node (process $pid) can't be killed"
        fi
        say "$node is stopped"
    fi
    rm -f "$state/$node/pid"
}

# signal_node NODE SIGNAL
signal_node() {
    local pid
    pid=$(pid_of "$1") || fail "$1 does not run"
    kill "-$2" "$pid"
    case $2 in
        KILL) until_gone "$1" 10 || fail "$1 (process $pid) can't be killed" ;;
        STOP) until_paused "$pid" ;;
    esac
}

# exchange HOST PORT REQUEST…: sends each request (as printf escapes) when the one before is
# answered, and prints the last answer, at most 4096 bytes, as decimal numbers.
exchange() {
    # shellcheck disable=SC2016 # for the inner shell
    timeout 5 bash -c '
        exec 3<>"/dev/tcp/$1/$2" || exit
        for request in "${@:3}"; do
            printf "%b" "$request" >&3
            reply=$(timeout 3 dd bs=4096 count=1 status=none <&3 | od -An -v -tu1)
        done
        echo $reply
    ' exchange "$@" 2>/dev/null || true
}
