# shellcheck shell=bash
# Apache Kafka in KRaft mode: every node is broker and controller. Sourced by stack.sh.

kafka_nodes() {
    seq -f 'kafka-%g' "$1"
}

kafka_fetch() {
    jars kafka "$KAFKA_VERSION" "-Dkafka.version=$KAFKA_VERSION" "-Dkafka.scala=$KAFKA_SCALA" \
        "-Dlog4j.version=$KAFKA_LOG4J_VERSION"
}

# kafka_certificate: one that signs itself, with its key, for brokers and clients alike. A file with
# both, as the broker wants it, and one of each, as librdkafka wants them.
kafka_certificate() {
    local folder="$data/kafka-tls"
    if [ -f "$folder/both.pem" ]; then return; fi
    mkdir -p "$folder"
    (
        umask 077
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
            -subj /CN=xchat-stack -addext subjectAltName=IP:127.0.0.1 \
            -keyout "$folder/key.pem" -out "$folder/certificate.pem" 2>"$folder/log" ||
            fail "no certificate can be made: see $folder/log"
        cat "$folder/key.pem" "$folder/certificate.pem" >"$folder/both.pem"
    )
}

# kafka_settings NUMBER OF DATA
kafka_settings() {
    local number=$1 of=$2 logs=$3 voters="" in_sync=1 clients tls id
    for ((id = 1; id <= of; id++)); do
        voters+="${voters:+,}$id@127.0.0.1:$((KAFKA_CONTROLLER_PORT + id))"
    done
    if ((of > 1)); then in_sync=2; fi
    clients="PLAINTEXT://127.0.0.1:$((KAFKA_PORT + number))"
    tls="TLS://127.0.0.1:$((KAFKA_TLS_PORT + number))"
    cat <<SETTINGS
process.roles=broker,controller
node.id=$number
controller.quorum.voters=$voters
listeners=$clients,$tls,CONTROLLER://127.0.0.1:$((KAFKA_CONTROLLER_PORT + number))
advertised.listeners=$clients,$tls
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,TLS:SSL,CONTROLLER:PLAINTEXT
ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location=$data/kafka-tls/both.pem
ssl.truststore.type=PEM
ssl.truststore.location=$data/kafka-tls/certificate.pem
controller.listener.names=CONTROLLER
log.dirs=$logs
# What a topic that is made without its own settings gets: as safe as the nodes allow.
default.replication.factor=$of
min.insync.replicas=$in_sync
unclean.leader.election.enable=false
auto.create.topics.enable=false
offsets.topic.replication.factor=$of
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=$of
transaction.state.log.min.isr=$in_sync
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$of
share.coordinator.state.topic.min.isr=$in_sync
share.coordinator.state.topic.num.partitions=4
# Quick failover and joining, for tests.
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# A small machine.
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
SETTINGS
}

# kafka_folder NODE OF
kafka_folder() {
    echo "$data/kafka-of-$2/${1##*-}"
}

# kafka_launch NODE OF
kafka_launch() {
    local node=$1 of=$2 number=${1##*-} folder
    local -a program
    folder=$(kafka_folder "$node" "$of")
    mkdir -p "$folder/log"
    program=("$java" -cp "$stack/kafka-$KAFKA_VERSION/lib/*" "-Xmx${KAFKA_HEAP_MB}m"
        -XX:+UseSerialGC "-Dlog4j2.configurationFile=$here/kafka/log4j2.xml")
    kafka_certificate
    kafka_settings "$number" "$of" "$folder/log" >"$folder/server.properties"
    if [ ! -f "$folder/log/meta.properties" ]; then
        "${program[@]}" kafka.tools.StorageTool format -t "$KAFKA_CLUSTER_ID" \
            -c "$folder/server.properties" >"$folder/format.log" 2>&1 ||
            fail "$node's folder can't be formatted: see $folder/format.log"
    fi
    launch "$node" "${program[@]}" kafka.Kafka "$folder/server.properties"
}

# kafka_brokers NODE: how many it knows, by a Metadata request (key 3, version 1, no topics).
kafka_brokers() {
    local request='\0\0\0\x11\0\x03\0\x01\0\0\0\x07\0\x03xch\0\0\0\0' reply
    read -ra reply <<<"$(exchange 127.0.0.1 $((KAFKA_PORT + ${1##*-})) "$request")"
    # Length (4), correlation id (4), number of brokers (4, high byte first).
    ((${#reply[@]} > 12)) && ((reply[7] == 7)) && echo "${reply[11]}"
}

# kafka_answers NODE OF: it knows all brokers that should be there.
kafka_answers() {
    [ "$(kafka_brokers "$1")" = "$2" ]
}

kafka_alive() {
    kafka_brokers "$1" >/dev/null
}

kafka_start() {
    local of=$1 node
    shift
    for node in "$@"; do kafka_launch "$node" "$of"; done
    for node in $(kafka_nodes "$of"); do until_ready "$node" 90 kafka_answers "$node" "$of"; done
}

kafka_env() {
    local id plain="" tls=""
    for ((id = 1; id <= $1; id++)); do
        plain+="${plain:+,}127.0.0.1:$((KAFKA_PORT + id))"
        tls+="${tls:+,}127.0.0.1:$((KAFKA_TLS_PORT + id))"
    done
    echo "XCHAT_TEST_KAFKA=$plain"
    echo "XCHAT_TEST_KAFKA_TLS=$tls"
    echo "XCHAT_TEST_KAFKA_TLS_FOLDER=$data/kafka-tls"
}
