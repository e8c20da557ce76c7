//! First contact: key packages of the peer, the genesis, and the commit that invites.

use xchat_mls::{
    Direct, Extensions, Group, KeyPackageBytes, Suite,
    group::{Change, Founding},
    verify_key_package,
};
use xchat_proto::{
    client::{self, client_frame::Body as Frame},
    common, convert,
};
use xchat_types::{ClaimId, DeviceId, RecordKind};

use super::{Conversation, Phase, submission::What};
use crate::{
    desk::Desk,
    event::{NotSent, SecurityEvent},
    link::Request,
    refusal,
};

impl Conversation {
    /// Claims the peer's key packages, always under the claim id that is stored.
    pub(super) fn claim(&mut self, desk: &mut Desk) {
        let Some(claim) = self.row.claim.filter(|_| !self.live.claim_open) else {
            return;
        };
        self.live.claim_open = true;
        let request = client::ClaimKeyPackagesRequest {
            account_id: convert::id_bytes(&self.row.peer),
            suite: u32::from(self.row.suite),
            claim_id: convert::id_bytes(&claim),
        };
        desk.request(
            Request::Claim(self.id, claim),
            Frame::ClaimKeyPackages(request),
        );
    }

    pub(super) fn claimed(
        &mut self,
        desk: &mut Desk,
        claim: ClaimId,
        response: &client::ClaimKeyPackagesResponse,
    ) {
        self.live.claim_open = false;
        if self.row.phase != Phase::Claiming || self.row.claim != Some(claim) {
            return;
        }
        let packages = self.check_packages(desk, response);
        if packages.is_empty() || self.found(desk, packages).is_none() {
            self.fail_request(desk, NotSent::Unreachable);
        }
    }

    pub(super) fn claim_failed(&mut self, desk: &mut Desk, claim: ClaimId, error: &common::Error) {
        self.live.claim_open = false;
        if self.row.phase != Phase::Claiming || self.row.claim != Some(claim) {
            return;
        }
        match refusal::of_claim(error.reason()) {
            Some(reason) => self.fail_request(desk, reason),
            None => self.retry_later(desk, error),
        }
    }

    /// Those packages that are the peer's and lawful. The server could hand out others, so each is
    /// verified up to the account id that was asked for.
    fn check_packages(
        &self,
        desk: &mut Desk,
        response: &client::ClaimKeyPackagesResponse,
    ) -> Vec<KeyPackageBytes> {
        let mut packages = Vec::new();
        for claimed in &response.packages {
            let bytes = KeyPackageBytes::from(claimed.key_package.to_vec());
            let device = convert::id::<DeviceId>(&claimed.device_id, "device_id").ok();
            let verified = verify_key_package(&bytes, desk.server_time()).ok();
            let lawful = verified.is_some_and(|verified| {
                verified.account == self.row.peer
                    && Some(verified.device) == device
                    && verified.suite.number() == self.row.suite
            });
            if lawful {
                packages.push(bytes);
            } else {
                desk.security(Some(self.id), SecurityEvent::KeyPackage);
            }
        }
        packages
    }

    /// Makes the group and the commit that adds the peer, and submits both.
    fn found(&mut self, desk: &mut Desk, packages: Vec<KeyPackageBytes>) -> Option<()> {
        let device = desk.device()?.clone();
        let direct = Direct::between(device.account(), self.row.peer).ok()?;
        let founding = Founding {
            conversation: self.id,
            incarnation: self.row.incarnation,
            suite: Suite::from_number(self.row.suite)?,
            extensions: Extensions::direct(direct),
            now: desk.server_time(),
        };
        let (group, genesis) = Group::create(&device, &founding).ok()?;
        self.body.as_mut()?.group = Some(group);
        let header = self.next_header(desk, RecordKind::Genesis)?;
        self.hand_in(desk, What::Genesis, header, genesis.to_bytes());

        let header = self.next_header(desk, RecordKind::CommitBundle)?;
        let change = Change {
            add: packages,
            ..Change::default()
        };
        let group = self.body.as_mut()?.group.as_mut()?;
        let bundle = group.commit(&device, &header, &change).ok()?;
        self.hand_in(desk, What::Commit, header, bundle.to_bytes());
        self.row.claim = None;
        self.row.phase = Phase::Inviting;
        Some(())
    }
}
