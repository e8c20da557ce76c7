//! Leaves that are somebody's, and those that are not.

use xchat_crypto::{Certificate, CertificateError, SecretKey, certificate::Grant, derive};
use xchat_mls::{CredentialBytes, CredentialError, Device, LeafIndex, credential};
use xchat_types::{AccountId, DeviceId, Millis};

use crate::person::certificate;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

fn account(root: &SecretKey) -> AccountId {
    derive::account_id(&root.public())
}

fn id(device: &SecretKey) -> DeviceId {
    derive::device_id(&device.public())
}

fn verify(bytes: &CredentialBytes, device: &SecretKey) -> Result<(), CredentialError> {
    let index = LeafIndex(7);
    let leaf = credential::verify_leaf(index, bytes, device.public().as_ref())?;
    assert_eq!(
        (leaf.index, leaf.key, leaf.device),
        (index, device.public(), id(device))
    );
    Ok(())
}

#[test]
fn a_device_certified_by_the_root_or_by_a_certifying_device_is_known() {
    let [root, first, second] = [1, 2, 3].map(key);
    let by_root = Certificate::issue(
        &Grant {
            root: root.public(),
            device: first.public(),
            not_before: Millis(1),
            may_certify: true,
        },
        &root,
    );
    let by_device = Certificate::issue(
        &Grant {
            root: root.public(),
            device: second.public(),
            not_before: Millis(2),
            may_certify: false,
        },
        &first,
    );
    let account = account(&root);
    let direct = credential::encode(&account, &id(&first), &[by_root]);
    assert_eq!(verify(&direct, &first), Ok(()));
    let through = credential::encode(&account, &id(&second), &[by_device, by_root]);
    assert_eq!(verify(&through, &second), Ok(()));
    let alone = credential::encode(&account, &id(&second), &[by_device]);
    assert_eq!(
        verify(&alone, &second),
        Err(CredentialError::Certificate(
            CertificateError::MissingSigner
        ))
    );
}

#[test]
fn another_accounts_certificate_another_key_or_another_device_id_is_nobody() {
    let [root, device, other_root, other] = [1, 2, 3, 4].map(key);
    let own = certificate(&root, &device);
    let foreign = certificate(&other_root, &device);
    let encode = |id, certificate| credential::encode(&account(&root), &id, &[certificate]);
    assert_eq!(
        verify(&encode(id(&device), foreign), &device),
        Err(CredentialError::Certificate(CertificateError::OtherAccount))
    );
    assert_eq!(
        verify(&encode(id(&device), own), &other),
        Err(CredentialError::SignatureKey)
    );
    assert_eq!(
        verify(&encode(id(&other), own), &device),
        Err(CredentialError::DeviceId)
    );
    assert!(Device::new(device, account(&root), &[foreign]).is_err());
}

#[test]
fn no_bent_or_cut_credential_verifies() {
    let [root, device] = [1, 2].map(key);
    let good = credential::encode(
        &account(&root),
        &id(&device),
        &[certificate(&root, &device)],
    );
    assert_eq!(verify(&good, &device), Ok(()));
    let bytes = good.as_bytes();
    for at in 0..bytes.len() {
        let mut bent = bytes.to_vec();
        bent[at] ^= 1 << (at % 8);
        assert!(verify(&bent.into(), &device).is_err(), "byte {at}");
        assert!(verify(&bytes[..at].to_vec().into(), &device).is_err());
    }
    let longer = [bytes, &[0]].concat();
    assert_eq!(
        verify(&longer.into(), &device),
        Err(CredentialError::Malformed)
    );
}
