//! Takes key packages of a device, if the judge would let them in.

use tokio::task;
use xchat_mls::{KeyPackageBytes, KeyPackageError, Suite, VerifiedKeyPackage, verify_key_package};
use xchat_ports::directory_store::KeyPackageRow;
use xchat_types::{AccountId, DeviceId, Millis, limits::KEY_PACKAGE_MIN_REST_MS};

use crate::{error::Error, service::Identity};

/// A hybrid package has about 2.7 KB.
const MAX_PACKAGE_BYTES: usize = 8 * 1_024;
pub(crate) const MAX_PACKAGES: usize = 50;

/// A package as its device announces it.
#[derive(Debug)]
pub(crate) struct OfferedPackage {
    pub(crate) suite: Suite,
    pub(crate) last_resort: bool,
    pub(crate) bytes: KeyPackageBytes,
}

impl Identity {
    /// All or none. Idempotent by reference: publishing never brings a claimed package back.
    pub(crate) async fn publish_key_packages(
        &self,
        account: AccountId,
        device: DeviceId,
        packages: Vec<OfferedPackage>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let limit = self.limits.publications.check(device, now);
        limit.map_err(Error::RateLimited)?;
        let (owner, _) = self.active_device(device).await?;
        if owner != account {
            return Err(Error::DeviceUnknown);
        }
        self.check_room(device, &packages, now).await?;
        let rows = task::spawn_blocking(move || verify(account, device, &packages, now))
            .await
            .map_err(|_| Error::CheckLost)??;
        self.directory.publish_key_packages(device, &rows).await?;
        Ok(())
    }

    async fn check_room(
        &self,
        device: DeviceId,
        packages: &[OfferedPackage],
        now: Millis,
    ) -> Result<(), Error> {
        let counts = self.directory.count_key_packages(device, now).await?;
        for suite in Suite::ALL {
            let number = u16::from(suite.number());
            let kept = counts.iter().find(|count| count.suite == number);
            let kept = kept.map_or(0, |count| count.one_time);
            let offered = packages
                .iter()
                .filter(|package| package.suite == suite && !package.last_resort)
                .count();
            let total = u64::from(kept) + offered as u64;
            if offered > 0 && total > u64::from(self.config.key_packages_per_suite) {
                return Err(Error::TooManyKeyPackages(kept));
            }
        }
        Ok(())
    }
}

/// 0.3 ms each, so off the executor's threads.
fn verify(
    account: AccountId,
    device: DeviceId,
    packages: &[OfferedPackage],
    now: Millis,
) -> Result<Vec<KeyPackageRow>, Error> {
    let mut rows = Vec::with_capacity(packages.len());
    for (index, package) in packages.iter().enumerate() {
        let position = index + 1;
        let refuse = |source| Error::KeyPackage { position, source };
        if package.bytes.as_bytes().len() > MAX_PACKAGE_BYTES {
            return Err(refuse(KeyPackageError::Invalid));
        }
        let verified = verify_key_package(&package.bytes, now).map_err(refuse)?;
        if !is_as_announced(&verified, package, account, device) {
            return Err(Error::ForeignKeyPackage(position));
        }
        rows.push(KeyPackageRow {
            reference: verified.reference,
            suite: u16::from(verified.suite.number()),
            last_resort: verified.last_resort,
            usable_until: verified.not_after.saturating_sub(KEY_PACKAGE_MIN_REST_MS),
            value: package.bytes.as_bytes().to_vec().into(),
        });
    }
    Ok(rows)
}

fn is_as_announced(
    verified: &VerifiedKeyPackage,
    offered: &OfferedPackage,
    account: AccountId,
    device: DeviceId,
) -> bool {
    verified.account == account
        && verified.device == device
        && verified.suite == offered.suite
        && verified.last_resort == offered.last_resort
}
