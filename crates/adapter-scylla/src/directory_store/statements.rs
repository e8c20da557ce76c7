//! Every statement of the directory store, prepared once.

use scylla::statement::prepared::PreparedStatement;

use crate::{OpenError, cluster::Cluster};

macro_rules! statements {
    ($($name:ident: $prepare:ident $cql:expr,)*) => {
        #[derive(Debug)]
        pub(super) struct Statements {
            $(pub(super) $name: PreparedStatement,)*
        }

        impl Statements {
            pub(super) async fn prepare(cluster: &Cluster) -> Result<Self, OpenError> {
                Ok(Self {
                    $($name: cluster.$prepare($cql).await?,)*
                })
            }
        }
    };
}

statements! {
    read_account: prepare "SELECT value FROM ks.accounts WHERE account = ?",
    read_account_serial: prepare_serial_read "SELECT value FROM ks.accounts WHERE account = ?",
    insert_account: prepare_conditional
        "INSERT INTO ks.accounts (account, value) VALUES (?, ?) IF NOT EXISTS",
    update_account: prepare_conditional
        "UPDATE ks.accounts SET value = ? WHERE account = ? IF value = ?",
    write_device: prepare "INSERT INTO ks.devices (account, device, value) VALUES (?, ?, ?)",
    write_owner: prepare "INSERT INTO ks.device_owners (device, account) VALUES (?, ?)",
    read_owner: prepare "SELECT account FROM ks.device_owners WHERE device = ?",
    read_device: prepare "SELECT value FROM ks.devices WHERE account = ? AND device = ?",
    list_devices: prepare "SELECT device, value FROM ks.devices WHERE account = ?",
    read_name: prepare "SELECT account, quarantined_until FROM ks.usernames WHERE name = ?",
    read_name_serial: prepare_serial_read
        "SELECT account, quarantined_until FROM ks.usernames WHERE name = ?",
    insert_name: prepare_conditional "INSERT INTO ks.usernames \
        (name, account, quarantined_until) VALUES (?, ?, 0) IF NOT EXISTS",
    update_name: prepare_conditional "UPDATE ks.usernames \
        SET account = ?, quarantined_until = ? WHERE name = ? \
        IF account = ? AND quarantined_until = ?",
    publish_package: prepare "INSERT INTO ks.key_packages \
        (device, reference, suite, last_resort, usable_until, value) \
        VALUES (?, ?, ?, ?, ?, ?) USING TTL ?",
    scan_packages: prepare "SELECT reference, suite, last_resort, usable_until, claim \
        FROM ks.key_packages WHERE device = ?",
    read_package: prepare "SELECT suite, last_resort, usable_until, value \
        FROM ks.key_packages WHERE device = ? AND reference = ?",
    claim_package: prepare_conditional "UPDATE ks.key_packages USING TTL ? SET claim = ? \
        WHERE device = ? AND reference = ? IF claim = null AND value != null",
    read_claim_serial: prepare_serial_read
        "SELECT claim FROM ks.key_packages WHERE device = ? AND reference = ?",
    note_last_resort: prepare "INSERT INTO ks.last_resort_claims \
        (device, suite, claim, reference) VALUES (?, ?, ?, ?) USING TTL ?",
    read_last_resort: prepare "SELECT reference FROM ks.last_resort_claims \
        WHERE device = ? AND suite = ? AND claim = ?",
    read_session: prepare "SELECT value FROM ks.sessions WHERE device = ?",
    read_session_serial: prepare_serial_read "SELECT value FROM ks.sessions WHERE device = ?",
    insert_session: prepare_conditional
        "INSERT INTO ks.sessions (device, value) VALUES (?, ?) IF NOT EXISTS",
    update_session: prepare_conditional
        "UPDATE ks.sessions SET value = ? WHERE device = ? IF value = ?",
    append_revocation: prepare "INSERT INTO ks.revocations (minute, device) VALUES (?, ?)",
    read_revocations: prepare "SELECT device FROM ks.revocations WHERE minute = ?",
}
