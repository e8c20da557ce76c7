//! Opaque encodings that other crates carry but never look into.

use std::fmt;

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(Vec<u8>);

        impl $name {
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            pub fn into_bytes(self) -> Vec<u8> {
                self.0
            }
        }

        impl From<Vec<u8>> for $name {
            fn from(bytes: Vec<u8>) -> Self {
                Self(bytes)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        /// Length only.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({} bytes)"), self.0.len())
            }
        }
    };
}

opaque! {
    /// `KeyPackage` (RFC 9420, section 10), without the `MLSMessage` frame.
    KeyPackageBytes
}
opaque! {
    /// `MLSMessage` with a `Welcome` (RFC 9420, section 12.4.3.1) for one device.
    WelcomeBytes
}
opaque! {
    /// `ratchet_tree` nodes (RFC 9420, section 12.4.3.3).
    RatchetTreeBytes
}
opaque! {
    /// `MLSMessage` with a `PrivateMessage` (RFC 9420, section 6.3) of content type application.
    ApplicationBytes
}
opaque! {
    /// `BasicCredential` identity of a leaf: deterministic CBOR, see [`crate::credential`].
    CredentialBytes
}
opaque! {
    /// Equal on all members of an epoch, and only then (RFC 9420, section 8.7).
    EpochAuthenticator
}
