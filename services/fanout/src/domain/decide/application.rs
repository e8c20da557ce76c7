//! Application envelopes: read by everybody they are delivered to, and wanted.

use xchat_types::{RefuseReason, limits::MAX_REQUEST_BYTES};

use super::{Change, Halt};
use crate::domain::{GroupHead, Record, member::Consent};

pub(super) fn decide(group: &GroupHead, consent: Consent, record: &Record) -> Result<Change, Halt> {
    if !group.reads(record.header.incarnation, record.header.epoch) {
        return Err(RefuseReason::StaleEpoch.into());
    }
    let fits_request = record.payload.len() <= MAX_REQUEST_BYTES;
    match consent {
        Consent::Given => {}
        Consent::FirstEnvelope if fits_request => {}
        Consent::FirstEnvelope => return Err(RefuseReason::TooLarge.into()),
        Consent::Awaited => return Err(RefuseReason::AwaitingConsent.into()),
    }
    Ok(Change::Said { fits_request })
}
