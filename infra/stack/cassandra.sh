# shellcheck shell=bash
# Apache Cassandra, node N on 127.0.0.N. Sourced by stack.sh.

# What Java 17 has to open for it.
cassandra_exports=(
    java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/java.lang.ref
    java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry
    java.rmi/sun.rmi.server java.sql/java.sql jdk.unsupported/sun.misc
    jdk.compiler/com.sun.tools.javac.file jdk.attach/sun.tools.attach
)
cassandra_opens=(
    java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect java.base/java.io
    java.base/java.nio java.base/java.util java.base/jdk.internal.loader java.base/jdk.internal.ref
    java.base/jdk.internal.reflect java.base/jdk.internal.math java.base/jdk.internal.module
    java.base/jdk.internal.util.jar java.base/sun.nio.ch
    jdk.management/com.sun.management.internal jdk.compiler/com.sun.tools.javac
)
# The ring in three equal parts; a single node takes the first.
cassandra_tokens=(-9223372036854775808 -3074457345618258603 3074457345618258602)

cassandra_nodes() {
    seq -f 'cassandra-%g' "$1"
}

cassandra_fetch() {
    jars cassandra "$CASSANDRA_VERSION" "-Dcassandra.version=$CASSANDRA_VERSION"
}

# cassandra_folder NODE OF
cassandra_folder() {
    echo "$data/cassandra-of-$2/${1##*-}"
}

# cassandra_yaml NUMBER OF FOLDER
cassandra_yaml() {
    local number=$1 folder=$3 seeds="" id
    # Each is a seed, so that any of them can start while others are away.
    for ((id = 1; id <= $2; id++)); do seeds+="${seeds:+,}127.0.0.$id:$CASSANDRA_STORAGE_PORT"; done
    cat <<YAML
cluster_name: xchat
num_tokens: 1
initial_token: ${cassandra_tokens[$((number - 1))]}
auto_bootstrap: false
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{ seeds: "$seeds" }]
listen_address: 127.0.0.$number
rpc_address: 127.0.0.$number
storage_port: $CASSANDRA_STORAGE_PORT
ssl_storage_port: $((CASSANDRA_STORAGE_PORT + 1))
native_transport_port: $CASSANDRA_PORT
start_native_transport: true
storage_compatibility_mode: NONE
data_file_directories: ["$folder/data"]
commitlog_directory: $folder/commitlog
hints_directory: $folder/hints
saved_caches_directory: $folder/caches
cdc_raw_directory: $folder/cdc
commitlog_sync: $CASSANDRA_COMMITLOG_SYNC
$([ "$CASSANDRA_COMMITLOG_SYNC" = periodic ] && echo "commitlog_sync_period: 10s")
commitlog_segment_size: 16MiB
# What a node missed comes back by what is read and written again, in tests as after a long absence.
hinted_handoff_enabled: false
memtable_heap_space: 96MiB
memtable_offheap_space: 96MiB
concurrent_reads: 8
concurrent_writes: 16
auto_snapshot: false
YAML
}

# cassandra_flags: what every program of Cassandra needs, one word a line.
cassandra_flags() {
    local one
    for one in "${cassandra_exports[@]}"; do echo "--add-exports=$one=ALL-UNNAMED"; done
    for one in "${cassandra_opens[@]}"; do echo "--add-opens=$one=ALL-UNNAMED"; done
}

# cassandra_launch NODE OF
cassandra_launch() {
    local node=$1 of=$2 number=${1##*-} lib="$stack/cassandra-$CASSANDRA_VERSION/lib" folder agent
    folder=$(cassandra_folder "$node" "$of")
    mkdir -p "$folder"
    cassandra_yaml "$number" "$of" "$folder" >"$folder/cassandra.yaml"
    agent=$(echo "$lib"/jamm-*.jar)
    # shellcheck disable=SC2046 # words on purpose
    launch "$node" "$java" $(cassandra_flags) -cp "$lib/*" "-javaagent:$agent" \
        "-Xms${CASSANDRA_HEAP_MB}m" "-Xmx${CASSANDRA_HEAP_MB}m" -XX:+UseSerialGC -Xss512k \
        "-Dcassandra.config=file://$folder/cassandra.yaml" "-Dcassandra.storagedir=$folder" \
        "-Dcassandra.logdir=$folder" "-Dlogback.configurationFile=file:$here/cassandra/logback.xml" \
        "-Dcassandra.jmx.local.port=$((CASSANDRA_JMX_PORT + 100 * number))" \
        -Dcassandra-foreground=yes -Dcassandra.ring_delay_ms=3000 \
        -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.superuser_setup_delay_ms=0 \
        -Djdk.attach.allowAttachSelf=true -Dio.netty.tryReflectionSetAccessible=true \
        -Djava.net.preferIPv4Stack=true org.apache.cassandra.service.CassandraDaemon
}

# cassandra_answers NODE OF: the node reads a row of a keyspace of three replicas, from all three
# where there are three. In native protocol 4: STARTUP, then QUERY; answered READY, then RESULT.
cassandra_answers() {
    local startup query consistency='\0\x01' text length body reply
    text="SELECT status FROM system_distributed.view_build_status"
    text+=" WHERE keyspace_name = 'x' AND view_name = 'x'"
    if (($2 > 1)); then consistency='\0\x05'; fi
    startup='\x04\0\0\x01\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0'
    printf -v length '\\0\\0\\0\\x%02x' "${#text}"
    printf -v body '\\0\\0\\0\\x%02x' $((${#text} + 7))
    query="\\x04\\0\\0\\x02\\x07$body$length$text$consistency\\0"
    reply=$(exchange "127.0.0.${1##*-}" "$CASSANDRA_PORT" "$startup" "$query")
    # Version, flags, stream (2), operation.
    [[ $reply =~ ^132\ [0-9]+\ 0\ 2\ 8\  ]]
}

cassandra_alive() {
    cassandra_answers "$1" 1
}

# One after the other: each joins a ring that is settled.
cassandra_start() {
    local of=$1 node
    shift
    for node in "$@"; do
        cassandra_launch "$node" "$of"
        until_ready "$node" 120 cassandra_alive "$node"
    done
    for node in $(cassandra_nodes "$of"); do
        until_ready "$node" 120 cassandra_answers "$node" "$of"
    done
}

cassandra_env() {
    local id hosts=""
    for ((id = 1; id <= $1; id++)); do hosts+="${hosts:+,}127.0.0.$id:$CASSANDRA_PORT"; done
    echo "XCHAT_TEST_SCYLLA=$hosts"
}
