//! Every statement of the message store, prepared once.

use scylla::statement::prepared::PreparedStatement;

use crate::{OpenError, cluster::Cluster};

macro_rules! statements {
    ($($name:ident: $cql:expr,)*) => {
        #[derive(Debug)]
        pub(super) struct Statements {
            $(pub(super) $name: PreparedStatement,)*
        }

        impl Statements {
            pub(super) async fn prepare(cluster: &Cluster) -> Result<Self, OpenError> {
                Ok(Self {
                    $($name: cluster.prepare($cql).await?,)*
                })
            }
        }
    };
}

statements! {
    read_rows: "SELECT kind, key, value, writetime(value) FROM ks.conversations \
        WHERE conversation = ? AND (kind, key) IN ?",
    read_members: "SELECT kind, key, value, writetime(value) FROM ks.conversations \
        WHERE conversation = ? AND kind <= 1",
    put_row: "INSERT INTO ks.conversations (conversation, kind, key, value) \
        VALUES (?, ?, ?, ?) USING TIMESTAMP ?",
    put_row_with_end: "INSERT INTO ks.conversations (conversation, kind, key, value) \
        VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?",
    drop_row: "DELETE FROM ks.conversations USING TIMESTAMP ? \
        WHERE conversation = ? AND kind = ? AND key = ?",
    put_header: "INSERT INTO ks.envelopes (conversation, bucket, sequence, value) \
        VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?",
    put_payload: "INSERT INTO ks.envelopes (conversation, bucket, sequence, payload) \
        VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?",
    put_payload_hour: "INSERT INTO ks.payloads_hour (conversation, bucket, sequence, payload) \
        VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?",
    put_payload_day: "INSERT INTO ks.payloads_day (conversation, bucket, sequence, payload) \
        VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?",
    put_bucket: "INSERT INTO ks.envelope_buckets (conversation, bucket) \
        VALUES (?, ?) USING TIMESTAMP ? AND TTL ?",
    read_buckets: "SELECT bucket FROM ks.envelope_buckets \
        WHERE conversation = ? AND bucket >= ? AND bucket <= ?",
    read_envelopes: "SELECT sequence, value, payload FROM ks.envelopes \
        WHERE conversation = ? AND bucket = ? AND sequence > ? AND sequence <= ?",
    read_payloads_hour: "SELECT sequence, payload FROM ks.payloads_hour \
        WHERE conversation = ? AND bucket = ? AND sequence >= ? AND sequence <= ?",
    read_payloads_day: "SELECT sequence, payload FROM ks.payloads_day \
        WHERE conversation = ? AND bucket = ? AND sequence >= ? AND sequence <= ?",
    put_group_state: "INSERT INTO ks.group_states (conversation, incarnation, epoch, value) \
        VALUES (?, ?, ?, ?) USING TIMESTAMP 1",
    read_group_states: "SELECT epoch, value FROM ks.group_states \
        WHERE conversation = ? AND incarnation = ? AND epoch >= ? AND epoch <= ?",
    drop_group_states: "DELETE FROM ks.group_states USING TIMESTAMP ? \
        WHERE conversation = ? AND incarnation = ? AND epoch < ?",
    put_welcome: "INSERT INTO ks.welcomes (device, reference, value) \
        VALUES (?, ?, ?) USING TIMESTAMP ? AND TTL ?",
    read_welcomes: "SELECT reference, value FROM ks.welcomes WHERE device = ?",
    drop_welcome: "DELETE FROM ks.welcomes USING TIMESTAMP ? \
        WHERE device = ? AND reference = ?",
    put_mark: "INSERT INTO ks.marks (device, conversation, sequence) \
        VALUES (?, ?, ?) USING TIMESTAMP ?",
    read_marks: "SELECT conversation, sequence FROM ks.marks WHERE device = ?",
    read_marks_after: "SELECT conversation, sequence FROM ks.marks \
        WHERE device = ? AND conversation > ?",
    drop_mark: "DELETE FROM ks.marks USING TIMESTAMP ? \
        WHERE device = ? AND conversation = ?",
    put_cursor: "INSERT INTO ks.cursors (device, conversation, sequence) \
        VALUES (?, ?, ?) USING TIMESTAMP ?",
    read_cursor: "SELECT sequence FROM ks.cursors WHERE device = ? AND conversation = ?",
}
