//! How many key packages of a device are left.

use xchat_ports::directory_store::KeyPackageCount;
use xchat_types::DeviceId;

use crate::{error::Error, service::Identity};

impl Identity {
    pub(crate) async fn count_key_packages(
        &self,
        device: DeviceId,
    ) -> Result<Vec<KeyPackageCount>, Error> {
        let now = self.clock.now();
        Ok(self.directory.count_key_packages(device, now).await?)
    }
}
