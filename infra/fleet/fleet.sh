#!/usr/bin/env bash
# A fleet on this machine: six processes on the engines of infra/stack, with mTLS between them. See
# README.md beside this file.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
fleet="${XDG_CACHE_HOME:-$HOME/.cache}/xchat/fleet"
# What process.sh works on.
state="$fleet/state"
program="$fleet/xchat-server"
stack="$here/../stack/stack.sh"
source "$here/../stack/process.sh"

fail() {
    echo "fleet: $*" >&2
    exit 1
}

say() {
    echo "fleet: $*"
}

# name, role, gRPC port, public port
processes=(
    "presence presence 18433 -"
    "identity identity 18431 -"
    "fanout-1 fanout 18432 -"
    "fanout-2 fanout 18442 -"
    "gateway-1 gateway 18434 18420"
    "gateway-2 gateway 18444 18421"
)

usage() {
    cat >&2 <<TEXT
fleet.sh up PROGRAM    start it with a program built with --features engines; what runs stays
fleet.sh status        what runs (exit code 1: something has died, 3: nothing is up)
fleet.sh down          stop it, gateways first; its data stays
fleet.sh renew         new certificates for all; nothing is restarted
TEXT
    exit 2
}

# engine NAME: where the stack's engine is.
engine() {
    local line
    line=$("$stack" env | grep "^XCHAT_TEST_$1=") ||
        fail "$1 is not up: make stack-up first"
    echo "${line#*=}"
}

# Settings that all share. With three nodes one may be away; one node holds everything alone.
write_settings() {
    local kafka scylla redis copies=1 in_sync=1
    kafka=$(engine KAFKA)
    scylla=$(engine SCYLLA)
    redis=$(engine REDIS)
    if [[ $kafka == *,*,* && $scylla == *,*,* ]]; then copies=3 in_sync=2; fi
    cat >"$fleet/fleet.toml" <<TEXT
data_dir = "$fleet/data"

[backends]
event_log = { kind = "kafka", partitions = 64 }
message_store = { kind = "scylla" }
directory_store = { kind = "scylla" }
routing = { kind = "redis" }
kafka = { brokers = "$kafka", replication = $copies, min_in_sync = $in_sync }
scylla = { nodes = "$scylla", replicas = $copies }
redis = { urls = "$redis" }

[peers]
identity = "https://127.0.0.1:18431"
fanout = "https://127.0.0.1:18432, https://127.0.0.1:18442"
presence = "https://127.0.0.1:18433"

[mtls]
ca_file = "$fleet/certificates/ca.pem"
TEXT
}

certify() {
    "$here/ca.sh" "$fleet/certificates" presence identity fanout gateway
}

# once COMMAND…: of the program, before its processes start
once() {
    XCHAT_CONFIG="$fleet/fleet.toml" XCHAT__MTLS__CERT_FILE="$fleet/certificates/identity.pem" \
        XCHAT__MTLS__KEY_FILE="$fleet/certificates/identity.key" "$program" "$@"
}

# start NAME ROLE PORT PUBLIC
start() {
    local name=$1 role=$2 port=$3 public=$4
    local settings=(
        XCHAT_CONFIG="$fleet/fleet.toml"
        "XCHAT__LISTEN__${role^^}=127.0.0.1:$port"
        XCHAT__MTLS__CERT_FILE="$fleet/certificates/$role.pem"
        XCHAT__MTLS__KEY_FILE="$fleet/certificates/$role.key"
    )
    if [ "$role" = fanout ]; then settings+=(XCHAT__FANOUT__MEMBER="$name"); fi
    if [ "$public" != - ]; then settings+=(XCHAT__PUBLIC__LISTEN="127.0.0.1:$public"); fi
    mkdir -p "$state/$name"
    : >"$state/$name/log"
    launch "$name" env "${settings[@]}" "$program" "$role"
}

is_ready() {
    grep -q "^ready: " "$state/$1/log"
}

up() {
    local one started=()
    (($# == 1)) || usage
    mkdir -p "$fleet/data"
    cp "$1" "$program.new"
    mv "$program.new" "$program"
    write_settings
    if [ ! -f "$fleet/certificates/gateway.pem" ]; then certify; fi
    once schema migrate
    once key create
    for one in "${processes[@]}"; do
        read -r name _ <<<"$one"
        if pid_of "$name" >/dev/null; then continue; fi
        # shellcheck disable=SC2086 # its words are the arguments
        start $one
        started+=("$name")
    done
    for name in "${started[@]}"; do until_ready "$name" 90 is_ready "$name"; done
    say "is up: xchat --server ws://127.0.0.1:18420 or ws://127.0.0.1:18421"
}

status() {
    local one pid wrong=0 some=0
    for one in "${processes[@]}"; do
        read -r name _ <<<"$one"
        recorded "$name" || continue
        some=1
        if pid=$(pid_of "$name"); then
            printf '%-12s process %s, %s MiB\n' "$name" "$pid" \
                $(($(ps -o rss= -p "$pid" || echo 0) / 1024))
        else
            printf '%-12s died; its log is %s\n' "$name" "$state/$name/log"
            wrong=1
        fi
    done
    if [ $some = 0 ]; then
        echo "nothing is up"
        return 3
    fi
    return $wrong
}

down() {
    local index
    for ((index = ${#processes[@]} - 1; index >= 0; index--)); do
        read -r name _ <<<"${processes[$index]}"
        stop_node "$name"
    done
}

mkdir -p "$state"
# One at a time; children close it.
exec 9>"$fleet/lock"
flock 9
command=${1:-}
(($#)) && shift
case $command in
    up) up "$@" ;;
    status) status ;;
    down) down ;;
    renew) certify ;;
    *) usage ;;
esac
