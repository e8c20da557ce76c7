//! What the gateway checks before a record goes to the log: that the header says what the bytes
//! say. Cheap; no signature is verified and no group is known.

use openmls::prelude::{ContentType, MlsMessageBodyIn, MlsMessageIn};
use thiserror::Error;
use tls_codec::Deserialize as _;
use xchat_crypto::{SignedControl, derive};
use xchat_types::{Header, RecordKind};

use crate::{
    binding::header_binding,
    bundle::{CommitBundle, Genesis},
    judge::{parse_commit, parse_group_info},
};

/// How header and payload differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderMismatch {
    #[error("the payload is not of the kind that the header says")]
    Kind,
    #[error("the payload is for another group than the header")]
    Group,
    #[error("the payload is for another epoch than the header")]
    Epoch,
    #[error("the payload was made under another header")]
    Binding,
}

/// Checks conversation, incarnation, epoch and kind against the payload of a record; where they
/// can be seen without keys, also sender, counter and creation time.
pub fn check_header(header: &Header, payload: &[u8]) -> Result<(), HeaderMismatch> {
    match header.kind {
        RecordKind::Application => check_application(header, payload),
        RecordKind::CommitBundle => check_bundle(header, payload),
        RecordKind::Genesis => check_genesis(header, payload),
        RecordKind::Control => check_control(header, payload),
    }
}

fn check_application(header: &Header, payload: &[u8]) -> Result<(), HeaderMismatch> {
    let message = MlsMessageIn::tls_deserialize_exact(payload).map_err(|_| HeaderMismatch::Kind)?;
    let MlsMessageBodyIn::PrivateMessage(message) = message.extract() else {
        return Err(HeaderMismatch::Kind);
    };
    if message.content_type() != ContentType::Application {
        return Err(HeaderMismatch::Kind);
    }
    check_group(
        header,
        message.group_id().as_slice(),
        message.epoch().as_u64(),
    )?;
    if message.aad() == header_binding(header) {
        Ok(())
    } else {
        Err(HeaderMismatch::Binding)
    }
}

fn check_bundle(header: &Header, payload: &[u8]) -> Result<(), HeaderMismatch> {
    let bundle = CommitBundle::from_bytes(payload).map_err(|_| HeaderMismatch::Kind)?;
    let message = parse_commit(&bundle.commit).map_err(|_| HeaderMismatch::Kind)?;
    check_group(
        header,
        message.group_id().as_slice(),
        message.epoch().as_u64(),
    )
}

fn check_genesis(header: &Header, payload: &[u8]) -> Result<(), HeaderMismatch> {
    let genesis = Genesis::from_bytes(payload).map_err(|_| HeaderMismatch::Kind)?;
    let info = parse_group_info(&genesis.group_info).map_err(|_| HeaderMismatch::Kind)?;
    check_group(header, info.group_id().as_slice(), info.epoch().as_u64())
}

fn check_group(header: &Header, group_id: &[u8], epoch: u64) -> Result<(), HeaderMismatch> {
    let expected = derive::group_id(&header.conversation, header.incarnation);
    if group_id != expected.as_bytes() {
        Err(HeaderMismatch::Group)
    } else if epoch != header.epoch.0 {
        Err(HeaderMismatch::Epoch)
    } else {
        Ok(())
    }
}

fn check_control(header: &Header, payload: &[u8]) -> Result<(), HeaderMismatch> {
    let record = SignedControl::from_bytes(payload)
        .and_then(|signed| signed.claims())
        .map_err(|_| HeaderMismatch::Kind)?;
    if (record.conversation, record.incarnation) != (header.conversation, header.incarnation) {
        return Err(HeaderMismatch::Group);
    }
    let claimed = (record.device, record.counter, record.created_at);
    if claimed == (header.sender, header.counter, header.created_at) {
        Ok(())
    } else {
        Err(HeaderMismatch::Binding)
    }
}
