//! From messages to what the use cases take.

use xchat_crypto::{
    Certificate, CertificateError, Signature,
    login::LoginNonce,
    proof::{Proof, ProofError, SignedChallenge},
};
use xchat_mls::Suite;
use xchat_proto::{Required, client, convert::id, identity as pb};
use xchat_types::{AccountId, ClaimId, DeviceId, Millis};

use crate::{
    error::Error,
    usecase::{Login, MAX_PACKAGES, OfferedPackage, Refreshing, Registration},
};

/// A claim of key packages.
pub(super) struct Claim {
    pub(super) caller: AccountId,
    pub(super) target: AccountId,
    pub(super) suite: Suite,
    pub(super) id: ClaimId,
}

pub(super) fn registration(request: pb::RegisterRequest) -> Result<Registration, Error> {
    let request = request.register.required("register")?;
    let challenge = SignedChallenge::from_bytes(&request.signup_challenge);
    let certificate = Certificate::from_bytes(&request.certificate);
    Ok(Registration {
        challenge: challenge.map_err(ProofError::from)?,
        proof: Proof::from_bytes(&request.proof).map_err(ProofError::from)?,
        certificate: certificate.map_err(CertificateError::from)?,
        invite: Some(request.invite).filter(|invite| !invite.is_empty()),
        username: Some(request.username).filter(|name| !name.is_empty()),
    })
}

pub(super) fn login(request: pb::LoginRequest) -> Result<Login, Error> {
    let request = request.login.required("login")?;
    let nonce = LoginNonce::try_from(request.login_nonce.as_ref());
    Ok(Login {
        device: id(&request.device_id, "device_id")?,
        nonce: nonce.map_err(|_| Error::OutOfBounds("login_nonce is not 32 bytes"))?,
        time: Millis(request.time_ms),
        signature: signature(&request.signature)?,
    })
}

pub(super) fn refreshing(request: pb::RefreshRequest) -> Result<Refreshing, Error> {
    let request = request.refresh.required("refresh")?;
    Ok(Refreshing {
        device: id(&request.device_id, "device_id")?,
        time: Millis(request.time_ms),
        signature: signature(&request.signature)?,
        token: request.refresh_token,
    })
}

pub(super) fn set_username(request: pb::SetUsernameRequest) -> Result<(AccountId, String), Error> {
    let account = id(&request.account_id, "account_id")?;
    let inner = request.set_username.required("set_username")?;
    Ok((account, inner.username))
}

pub(super) fn lookup_username(
    request: pb::LookupUsernameRequest,
) -> Result<(AccountId, String), Error> {
    let account = id(&request.account_id, "account_id")?;
    let inner = request.lookup_username.required("lookup_username")?;
    Ok((account, inner.username))
}

pub(super) fn publication(
    request: pb::PublishKeyPackagesRequest,
) -> Result<(AccountId, DeviceId, Vec<OfferedPackage>), Error> {
    let account = id(&request.account_id, "account_id")?;
    let device = id(&request.device_id, "device_id")?;
    let offered = request.publish.required("publish")?.packages;
    if offered.len() > MAX_PACKAGES {
        return Err(Error::OutOfBounds("more than 50 packages"));
    }
    let packages = offered.iter().map(package).collect::<Result<_, _>>()?;
    Ok((account, device, packages))
}

fn package(package: &client::KeyPackage) -> Result<OfferedPackage, Error> {
    Ok(OfferedPackage {
        suite: suite(package.suite)?,
        last_resort: package.last_resort,
        bytes: package.key_package.to_vec().into(),
    })
}

pub(super) fn count(request: &pb::CountKeyPackagesRequest) -> Result<DeviceId, Error> {
    Ok(id(&request.device_id, "device_id")?)
}

pub(super) fn claim(request: pb::ClaimKeyPackagesRequest) -> Result<Claim, Error> {
    let inner = request.claim.required("claim")?;
    Ok(Claim {
        caller: id(&request.account_id, "account_id")?,
        target: id(&inner.account_id, "claim.account_id")?,
        suite: suite(inner.suite)?,
        id: id(&inner.claim_id, "claim_id")?,
    })
}

fn suite(number: u32) -> Result<Suite, Error> {
    u8::try_from(number)
        .ok()
        .and_then(Suite::from_number)
        .ok_or(Error::OutOfBounds("suite is not 1 or 2"))
}

fn signature(bytes: &[u8]) -> Result<Signature, Error> {
    Signature::try_from(bytes).map_err(|_| Error::OutOfBounds("signature is not 64 bytes"))
}
