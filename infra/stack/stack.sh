#!/usr/bin/env bash
# The engines of a fleet on this machine, on loopback: see README.md beside this file.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stack="${XDG_CACHE_HOME:-$HOME/.cache}/xchat/stack"
state="$stack/state"
data="$stack/${XCHAT_STACK_DATA:-data}"
all=(kafka cassandra redis redis-cluster)
source "$here/versions.env"
source "$here/process.sh"
source "$here/kafka.sh"
source "$here/cassandra.sh"
source "$here/redis.sh"

usage() {
    cat >&2 <<TEXT
stack.sh up [--nodes 1|3] [ENGINE…]   fetch, start, wait; without engines: kafka cassandra redis
stack.sh status | env                 what runs (exit code 1: something is wrong, 3: nothing is up)
stack.sh down [ENGINE…]               stop; data stays
stack.sh erase [ENGINE…]              delete the data of engines that are down
stack.sh kill|pause|resume|start NODE for fault tests: SIGKILL, SIGSTOP, SIGCONT, start again
stack.sh folder NODE                  where its data is
engines: ${all[*]}; nodes: as status names them
TEXT
    exit 2
}

# jars NAME VERSION PROPERTY…: fetches what NAME/pom.xml names, once.
jars() {
    local name=$1 folder="$stack/$1-$2"
    shift 2
    if [ -d "$folder" ]; then return; fi
    command -v mvn >/dev/null || fail "mvn is missing: run infra/setup.sh stack"
    say "fetching $name"
    rm -rf "$folder.partial"
    mvn -q -B -ntp -Dstyle.color=never -f "$here/$name/pom.xml" "$@" \
        "org.apache.maven.plugins:maven-dependency-plugin:$MAVEN_DEPENDENCY_PLUGIN:copy-dependencies" \
        -DincludeScope=runtime "-DoutputDirectory=$folder.partial/lib"
    mv "$folder.partial" "$folder"
}

# find_java: sets `java`, of the wanted version even where another one is the default.
find_java() {
    local one
    for one in "${JAVA_HOME:-/nowhere}/bin/java" java /usr/lib/jvm/java-"$JAVA_VERSION"-*/bin/java; do
        if "$one" -version 2>&1 | grep -q "version \"$JAVA_VERSION\\."; then
            java=$one
            return
        fi
    done
    fail "no Java $JAVA_VERSION here: run infra/setup.sh stack"
}

is_engine() {
    [[ " ${all[*]} " == *" $1 "* ]] || fail "no engine is called $1; there are ${all[*]}"
}

# engine_of NODE: fails unless the node was started here.
engine_of() {
    local engine
    for engine in "${all[@]}"; do
        if [ -f "$state/$engine.nodes" ] &&
            "${engine}_nodes" "$(size "$engine")" | grep -qxF -- "$1"; then
            echo "$engine"
            return
        fi
    done
    fail "no node is called $1; stack.sh status names those there are"
}

# size ENGINE: how many nodes it was started with.
size() {
    cat "$state/$1.nodes"
}

up_engine() {
    local engine=$1 wanted=$2 nodes node missing=()
    [[ $engine == redis* ]] && wanted=1
    if [ -f "$state/$engine.nodes" ]; then
        nodes=$(size "$engine")
        if [ -n "$wanted" ] && [ "$wanted" != "$nodes" ]; then
            fail "$engine is up with $nodes node(s): stack.sh down $engine first"
        fi
    fi
    nodes=${nodes:-${wanted:-1}}
    for node in $("${engine}_nodes" "$nodes"); do
        if pid_of "$node" >/dev/null; then continue; fi
        if recorded "$node"; then say "$node had died; starting it again"; fi
        missing+=("$node")
    done
    if [ ${#missing[@]} = 0 ]; then
        say "$engine is up"
        return
    fi
    "${engine}_fetch"
    if [[ $engine != redis* ]]; then find_java; fi
    echo "$nodes" >"$state/$engine.nodes"
    say "starting ${missing[*]}"
    "${engine}_start" "$nodes" "${missing[@]}"
}

up() {
    local wanted="" engines=() engine
    while (($#)); do
        case $1 in
            --nodes)
                wanted=${2:-}
                [[ $wanted == 1 || $wanted == 3 ]] || usage
                shift
                ;;
            *) is_engine "$1" && engines+=("$1") ;;
        esac
        shift
    done
    if [ ${#engines[@]} = 0 ]; then engines=(kafka cassandra redis); fi
    for engine in "${engines[@]}"; do up_engine "$engine" "$wanted"; done
    status "${engines[@]}" >/dev/null || fail "not all is well: see stack.sh status"
    print_env
}

# node_state ENGINE NODE
node_state() {
    local pid
    if ! pid=$(pid_of "$2"); then
        echo "died; stack.sh up starts it again, and its log is $state/$2/log"
    elif is_paused "$pid"; then
        echo "process $pid is paused; stack.sh resume $2"
    elif ! "$1_answers" "$2" "$(size "$1")"; then
        echo "process $pid does not answer, or lacks others; its log is $state/$2/log"
    else
        echo "process $pid answers, $(($(ps -o rss= -p "$pid" || echo 0) / 1024)) MiB"
    fi
}

# status ENGINE…
status() {
    local engine node text wrong=0 some=0
    for engine in "$@"; do
        [ -f "$state/$engine.nodes" ] || continue
        some=1
        for node in $("${engine}_nodes" "$(size "$engine")"); do
            text=$(node_state "$engine" "$node")
            [[ $text == *" answers, "* ]] || wrong=1
            printf '%-16s %s\n' "$node" "$text"
        done
    done
    if [ $some = 0 ]; then
        echo "nothing is up"
        return 3
    fi
    return $wrong
}

print_env() {
    local engine
    for engine in "${all[@]}"; do
        if [ -f "$state/$engine.nodes" ]; then "${engine}_env" "$(size "$engine")"; fi
    done
}

down() {
    local engine node
    for engine in "$@"; do
        is_engine "$engine"
        [ -f "$state/$engine.nodes" ] || continue
        for node in $("${engine}_nodes" "$(size "$engine")"); do stop_node "$node"; done
        rm "$state/$engine.nodes"
    done
}

erase() {
    local engine
    for engine in "$@"; do
        is_engine "$engine"
        [ ! -f "$state/$engine.nodes" ] || fail "$engine is up: stack.sh down $engine first"
        rm -rf "${data:?}/$engine" "$data/$engine-"[0-9]* "$data/$engine-of-"* "$data/$engine-tls"
    done
}

# start_node NODE: alone, whatever has become of the others.
start_node() {
    local engine
    engine=$(engine_of "$1")
    if pid_of "$1" >/dev/null; then fail "$1 runs"; fi
    if [[ $engine != redis* ]]; then find_java; fi
    "${engine}_launch" "$1" "$(size "$engine")"
    until_ready "$1" 120 "${engine}_alive" "$1"
}

mkdir -p "$state" "$data"
# One at a time; children close it.
exec 9>"$stack/lock"
flock 9
command=${1:-}
(($#)) && shift
case $command in
    up) up "$@" ;;
    status) status "${all[@]}" ;;
    env) print_env ;;
    down | erase)
        if (($# == 0)); then set -- "${all[@]}"; fi
        "$command" "$@"
        ;;
    kill | pause | resume | start | folder)
        (($# == 1)) || usage
        engine=$(engine_of "$1")
        case $command in
            folder) "${engine}_folder" "$1" "$(size "$engine")" ;;
            kill) signal_node "$1" KILL ;;
            pause) signal_node "$1" STOP ;;
            resume) signal_node "$1" CONT ;;
            start) start_node "$1" ;;
        esac
        ;;
    *) usage ;;
esac
