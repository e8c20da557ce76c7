//! This device's key packages: enough of them at the server, their private keys here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xchat_mls::{KeyPackages, Rows, Suite};
use xchat_proto::client::{self, client_frame::Body};
use xchat_types::{KeyPackageRef, Millis};
use zeroize::Zeroizing;

use crate::{
    desk::Desk,
    link::Request,
    row::{RowError, RowKey, Table, blob, decode, encode},
};

/// Most packages that one request may publish.
const PER_REQUEST: usize = 50;

/// Pause after the server refused packages for good.
const REFUSED_PAUSE_MS: u64 = 600_000;

/// A package that was made and may not have arrived. Publishing again is idempotent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unpublished {
    pub(crate) suite: u8,
    pub(crate) last_resort: bool,
    pub(crate) reference: KeyPackageRef,
    #[serde(with = "blob")]
    pub(crate) key_package: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Packages {
    pub(crate) keys: KeyPackages,
    unpublished: BTreeMap<u64, Unpublished>,
    retry_at: Option<Millis>,
    /// Whether the server's stock is known well enough on this socket.
    counted: bool,
}

impl Packages {
    pub(crate) fn load(
        keys: Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>,
        unpublished: Vec<(u64, Zeroizing<Vec<u8>>)>,
    ) -> Result<Self, RowError> {
        let mut rows = BTreeMap::new();
        for (number, value) in unpublished {
            rows.insert(number, decode("publication", &value)?);
        }
        Ok(Self {
            keys: KeyPackages::load(Rows::from_entries(keys)),
            unpublished: rows,
            retry_at: None,
            counted: false,
        })
    }

    pub(crate) fn disconnected(&mut self) {
        self.counted = false;
        self.retry_at = None;
    }

    /// The stock may have changed.
    pub(crate) fn recount(&mut self) {
        self.counted = false;
    }

    /// Publishes what is made, then asks how many there are.
    pub(crate) fn advance(&mut self, desk: &mut Desk) {
        match self.retry_at {
            Some(at) if desk.now < at => return,
            Some(_) | None => self.retry_at = None,
        }
        let busy =
            |request: &Request| matches!(request, Request::Publish(_) | Request::CountPackages);
        if !desk.is_ready() || desk.link.clock_stops() || desk.link.has_open(busy) {
            return;
        }
        if !self.unpublished.is_empty() {
            self.publish(desk);
        } else if !self.counted {
            self.counted = true;
            desk.request(
                Request::CountPackages,
                Body::CountKeyPackages(client::CountKeyPackagesRequest {}),
            );
        }
    }

    fn publish(&self, desk: &mut Desk) {
        let batch = self.unpublished.iter().take(PER_REQUEST);
        let numbers = batch.clone().map(|(number, _)| *number).collect();
        let packages = batch.map(|(_, package)| client::KeyPackage {
            suite: u32::from(package.suite),
            last_resort: package.last_resort,
            key_package: package.key_package.clone().into(),
        });
        let request = client::PublishKeyPackagesRequest {
            packages: packages.collect(),
        };
        desk.request(Request::Publish(numbers), Body::PublishKeyPackages(request));
    }

    pub(crate) fn published(&mut self, desk: &mut Desk, numbers: &[u64]) {
        for number in numbers {
            self.unpublished.remove(number);
            desk.unit
                .delete(RowKey::numbered(Table::Publication, *number));
        }
    }

    /// These packages are refused for good, by a server that is right or not. They and their
    /// private keys are given up, and others are made after a while.
    pub(crate) fn refused(&mut self, desk: &mut Desk, numbers: &[u64]) {
        for number in numbers {
            if let Some(package) = self.unpublished.get(number) {
                self.keys.forget(&package.reference);
            }
        }
        self.published(desk, numbers);
        self.flush(desk);
        self.counted = false;
        self.retry_later(desk.later(REFUSED_PAUSE_MS));
    }

    pub(crate) const fn retry_later(&mut self, at: Millis) {
        self.retry_at = Some(at);
    }

    pub(crate) const fn next_due(&self) -> Option<Millis> {
        self.retry_at
    }

    /// Fills the stock up. The private keys are stored before anything is published.
    pub(crate) fn counted(&mut self, desk: &mut Desk, response: &client::CountKeyPackagesResponse) {
        for suite in Suite::ALL {
            let number = u32::from(suite.number());
            let count = response.counts.iter().find(|count| count.suite == number);
            let one_time = count.map_or(0, |count| count.one_time);
            if one_time < desk.settings.refill_below.min(desk.settings.key_packages) {
                for _ in one_time..desk.settings.key_packages {
                    self.make(desk, suite, false);
                }
            }
            if !count.is_some_and(|count| count.last_resort) {
                self.make(desk, suite, true);
            }
        }
        self.flush(desk);
        self.advance(desk);
    }

    fn make(&mut self, desk: &mut Desk, suite: Suite, last_resort: bool) {
        let now = desk.server_time();
        let Some(device) = desk.device() else { return };
        let Ok(made) = self.keys.generate(device, suite, now, last_resort) else {
            return;
        };
        let last = self.unpublished.keys().next_back().copied().unwrap_or(0);
        let number = last.saturating_add(1);
        let package = Unpublished {
            suite: suite.number(),
            last_resort,
            reference: made.reference,
            key_package: made.bytes.into_bytes(),
        };
        let key = RowKey::numbered(Table::Publication, number);
        desk.unit.set(key, encode(&package));
        self.unpublished.insert(number, package);
    }

    /// Puts changed private keys into the unit of work.
    pub(crate) fn flush(&mut self, desk: &mut Desk) {
        for change in self.keys.take_changes() {
            let key = RowKey::named(Table::KeyPackage, change.key);
            match change.value {
                Some(value) => desk.unit.set(key, value),
                None => desk.unit.delete(key),
            }
        }
    }
}
