# shellcheck shell=bash
# Redis: one server, and a cluster of six of which three are replicas. Sourced by stack.sh.

redis_port() {
    case $1 in
        redis) echo "$REDIS_PORT" ;;
        redis-cluster-*) echo $((REDIS_CLUSTER_PORT + ${1##*-})) ;;
    esac
}

# ask_redis NODE WORD…
ask_redis() {
    timeout 3 redis-cli -h 127.0.0.1 -p "$(redis_port "$1")" "${@:2}" 2>/dev/null | tr -d '\r'
}

redis_nodes() {
    echo redis
}

redis_fetch() {
    command -v redis-server >/dev/null || fail "redis-server is missing: run infra/setup.sh stack"
}

redis_folder() {
    echo "$data/$1"
}

# redis_server NODE SETTING…
redis_server() {
    local node=$1 folder
    shift
    folder=$(redis_folder "$node")
    mkdir -p "$folder"
    launch "$node" redis-server --bind 127.0.0.1 --port "$(redis_port "$node")" --dir "$folder" \
        --save "" --daemonize no "$@"
}

# Nothing on disk: what it holds are hints.
redis_launch() {
    redis_server "$1" --appendonly no
}

redis_alive() {
    [ "$(ask_redis "$1" ping)" = PONG ]
}

redis_answers() {
    redis_alive "$1"
}

redis_start() {
    redis_launch redis
    until_ready redis 10 redis_alive redis
}

redis_env() {
    echo "XCHAT_TEST_REDIS=redis://127.0.0.1:$REDIS_PORT"
}

redis-cluster_nodes() {
    seq -f 'redis-cluster-%g' 6
}

redis-cluster_fetch() {
    redis_fetch
}

redis-cluster_servers() {
    local node
    for node in $(redis-cluster_nodes); do echo "127.0.0.1:$(redis_port "$node")"; done
}

# The node serves in a whole cluster, and if it is a replica, has its master's state: without that
# nobody takes over from a master that is killed.
redis-cluster_answers() {
    local replication
    [[ $(ask_redis "$1" cluster info) == *cluster_state:ok*cluster_known_nodes:6* ]] || return 1
    replication=$(ask_redis "$1" info replication)
    [[ $replication == *role:master*connected_slaves:[1-9]* ]] ||
        [[ $replication == *role:slave*master_link_status:up* ]]
}

redis-cluster_folder() {
    redis_folder "$1"
}

redis-cluster_launch() {
    redis_server "$1" --cluster-enabled yes --appendonly yes \
        --cluster-node-timeout "$REDIS_CLUSTER_NODE_TIMEOUT_MS" --repl-diskless-sync-delay 0
}

redis-cluster_alive() {
    redis_alive "$1"
}

redis-cluster_start() {
    local node
    shift
    for node in "$@"; do
        redis-cluster_launch "$node"
        until_ready "$node" 10 redis_alive "$node"
    done
    if [[ $(ask_redis redis-cluster-1 cluster info) == *cluster_known_nodes:1[^0-9]* ]]; then
        # shellcheck disable=SC2046 # words on purpose
        redis-cli --cluster create $(redis-cluster_servers) --cluster-replicas 1 --cluster-yes \
            >"$state/redis-cluster.log" 2>&1 ||
            fail "the cluster can't be made; see $state/redis-cluster.log"
    fi
    for node in $(redis-cluster_nodes); do
        until_ready "$node" 30 redis-cluster_answers "$node"
    done
}

redis-cluster_env() {
    echo "XCHAT_TEST_REDIS_CLUSTER=$(redis-cluster_servers | sed 's,^,redis://,' | paste -sd,)"
}
