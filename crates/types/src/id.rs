//! Ids. All are hashes or random bytes; none carries time (protocol.md).

use std::{fmt, str::FromStr};

use bech32::{Bech32m, Hrp};
use thiserror::Error;

/// Why a text or bytes are not an id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdError {
    #[error("an id of {expected} bytes has {got}")]
    Length { expected: usize, got: usize },
    #[error("not a valid id: a character is wrong, missing or too much")]
    Text,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Lower-case hexadecimal of the whole id. For storage keys and people's own eyes,
            /// never for logs.
            pub fn to_hex(self) -> String {
                hex::encode(self.0)
            }

            pub fn from_hex(text: &str) -> Result<Self, IdError> {
                let bytes = hex::decode(text).map_err(|_| IdError::Text)?;
                Self::try_from(bytes.as_slice())
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdError;

            fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError::Length {
                    expected: $len,
                    got: bytes.len(),
                })
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        /// As a byte string.
        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_bytes(&self.0)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Bytes;

                impl serde::de::Visitor<'_> for Bytes {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "a byte string of {}", $len)
                    }

                    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<$name, E> {
                        $name::try_from(bytes).map_err(E::custom)
                    }
                }

                from.deserialize_bytes(Bytes)
            }
        }

        /// Redacted: the first two bytes only.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let [a, b, ..] = self.0;
                write!(f, concat!(stringify!($name), "({:02x}{:02x}…)"), a, b)
            }
        }
    };
}

id! {
    /// SHA-256 of a root public key under its label; shown as bech32m `xchat1…`.
    AccountId, 32
}
id! {
    /// First half of a hash of the device's public key: cannot be claimed without the key.
    DeviceId, 16
}
id! {
    /// Random, chosen by the creator.
    ConversationId, 32
}
id! {
    /// MLS group id: a hash of conversation and incarnation.
    GroupId, 32
}
id! {
    /// Hash of an installation's public signing key; pinned by a client profile.
    ServerId, 32
}
id! {
    /// Random id of one log's contents: offsets of another log id mean nothing.
    LogId, 16
}
id! {
    /// Hash that a device computes over its header fields and MLS bytes.
    Digest, 32
}
id! {
    /// Hash chain value of a conversation after a sequence.
    HeadHash, 32
}
id! {
    /// Hash of the canonical control state and judge version.
    ControlHash, 32
}
id! {
    /// `KeyPackageRef` of RFC 9420, section 5.2, cut or hashed to 32 bytes.
    KeyPackageRef, 32
}
id! {
    /// Names one welcome of one device: the key package reference it was made for.
    WelcomeRef, 32
}
id! {
    /// Chosen by a caller and reused in every retry, so that "already claimed by me" is success.
    ClaimId, 16
}

const ACCOUNT_HRP: Hrp = Hrp::parse_unchecked("xchat");

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = bech32::encode::<Bech32m>(ACCOUNT_HRP, &self.0).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl FromStr for AccountId {
    type Err = IdError;

    /// Bech32m only: a bech32 checksum or another prefix is refused.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text)
            .map_err(|_| IdError::Text)?;
        if checked.hrp() != ACCOUNT_HRP {
            return Err(IdError::Text);
        }
        let bytes: Vec<u8> = checked.byte_iter().collect();
        Self::try_from(bytes.as_slice())
    }
}

impl AccountId {
    /// `xchat1…` cut to its first 14 characters, for lists where a name is not known.
    pub fn short(&self) -> String {
        self.to_string().chars().take(14).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_survives_its_text_form() {
        let id = AccountId::new([7; 32]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("xchat1"));
    }

    #[test]
    fn a_mistyped_account_id_is_refused() {
        let text = AccountId::new([7; 32]).to_string();
        let flipped = text.replace("xchat1q", "xchat1p");
        assert_ne!(text, flipped);
        assert_eq!(flipped.parse::<AccountId>(), Err(IdError::Text));
        assert!(text.to_uppercase().parse::<AccountId>().is_ok());
        assert!(
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
                .parse::<AccountId>()
                .is_err()
        );
    }

    #[test]
    fn debug_output_shows_two_bytes_only() {
        assert_eq!(
            format!("{:?}", DeviceId::new([0xab; 16])),
            "DeviceId(abab…)"
        );
    }
}
