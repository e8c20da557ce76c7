//! Our extensions inside OpenMLS's types.

use openmls::prelude::{
    Capabilities, CredentialType, Extension, ExtensionType, Extensions as MlsExtensions,
    GroupContext, InvalidExtensionError, RequiredCapabilitiesExtension, UnknownExtension,
};

use super::{Direct, ExtensionError, Extensions, Policy};
use crate::suite::Suite;

/// Private use (RFC 9420, section 17.3).
const POLICY: u16 = 0xF0A1;
const DIRECT: u16 = 0xF0A2;

const OURS: [ExtensionType; 2] = [
    ExtensionType::Unknown(POLICY),
    ExtensionType::Unknown(DIRECT),
];

/// What every leaf of a suite can do. Required of it by the group context.
pub(crate) fn capabilities(suite: Suite) -> Capabilities {
    let [policy, direct] = OURS;
    Capabilities::builder()
        .ciphersuites(suite.ciphersuite().into_iter().collect())
        .extensions(vec![ExtensionType::LastResort, policy, direct])
        .credentials(vec![CredentialType::Basic])
        .build()
}

fn required() -> RequiredCapabilitiesExtension {
    RequiredCapabilitiesExtension::new(&OURS, &[], &[CredentialType::Basic])
}

/// In ascending order of type, so that equal extensions make equal contexts.
pub(crate) fn write(
    extensions: &Extensions,
) -> Result<MlsExtensions<GroupContext>, InvalidExtensionError> {
    let mut list = vec![
        Extension::RequiredCapabilities(required()),
        Extension::Unknown(POLICY, UnknownExtension(extensions.policy.to_bytes())),
    ];
    if let Some(direct) = extensions.direct {
        list.push(Extension::Unknown(
            DIRECT,
            UnknownExtension(direct.to_bytes()),
        ));
    }
    MlsExtensions::from_vec(list)
}

/// Reads exactly what [`write`] makes: no extension more, none less, none in another order.
pub(crate) fn read(found: &MlsExtensions<GroupContext>) -> Result<Extensions, ExtensionError> {
    let mut found = found.iter();
    match found.next() {
        Some(Extension::RequiredCapabilities(capabilities)) if *capabilities == required() => {}
        Some(Extension::RequiredCapabilities(_)) => {
            return Err(ExtensionError::RequiredCapabilities);
        }
        _ => return Err(ExtensionError::WrongSet),
    }
    let Some(Extension::Unknown(POLICY, policy)) = found.next() else {
        return Err(ExtensionError::WrongSet);
    };
    let direct = match found.next() {
        None => None,
        Some(Extension::Unknown(DIRECT, direct)) => Some(Direct::from_bytes(&direct.0)?),
        Some(_) => return Err(ExtensionError::WrongSet),
    };
    if found.next().is_some() {
        return Err(ExtensionError::WrongSet);
    }
    Ok(Extensions {
        policy: Policy::from_bytes(&policy.0)?,
        direct,
    })
}
