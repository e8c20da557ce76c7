//! Hands out one key package of each active device of an account.

use bytes::Bytes;
use xchat_mls::Suite;
use xchat_types::{AccountId, ClaimId, DeviceId};

use crate::{
    domain::device::Device,
    error::Error,
    service::{Identity, bound_claim},
};

#[derive(Debug)]
pub(crate) struct ClaimedPackage {
    pub(crate) device: DeviceId,
    pub(crate) last_resort: bool,
    pub(crate) bytes: Bytes,
}

impl Identity {
    /// A retry with the same claim id gets the same packages, and is not counted again. Devices
    /// without a package are left out: they ask to be added when they come back.
    pub(crate) async fn claim_key_packages(
        &self,
        caller: AccountId,
        target: AccountId,
        suite: Suite,
        claim: ClaimId,
    ) -> Result<Vec<ClaimedPackage>, Error> {
        let now = self.clock.now();
        if caller != target {
            let limits = &self.limits.claims;
            limits
                .check_once((caller, target), *claim.as_bytes(), now)
                .map_err(Error::RateLimited)?;
        }
        let devices = self.directory.list_devices(target).await?;
        if devices.is_empty() {
            return Err(Error::AccountUnknown);
        }
        let claim = bound_claim(&self.secrets.claim, &caller, &claim);
        let mut claimed = Vec::with_capacity(devices.len());
        for (device, row) in devices {
            if !Device::from_row(&row)?.is_active() {
                continue;
            }
            let package = self
                .directory
                .claim_key_package(device, u16::from(suite.number()), claim, now)
                .await?;
            claimed.extend(package.map(|package| ClaimedPackage {
                device,
                last_resort: package.last_resort,
                bytes: package.value,
            }));
        }
        if claimed.is_empty() {
            return Err(Error::NoKeyPackages);
        }
        Ok(claimed)
    }
}
