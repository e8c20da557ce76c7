//! Values of rows: CBOR maps by field name, so that a later version can add fields.

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;
use zeroize::Zeroizing;

/// A stored row cannot be read: it was damaged, or written by a later version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a stored row of the table {0} cannot be read")]
pub struct RowError(pub &'static str);

/// Writes a value. Writing to memory fails for no type of ours; an empty value, which nothing
/// reads, would stand for that.
pub(crate) fn encode<T: Serialize>(value: &T) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::new());
    match ciborium::into_writer(value, &mut *bytes) {
        Ok(()) => bytes,
        Err(_) => Zeroizing::new(Vec::new()),
    }
}

pub(crate) fn decode<T: DeserializeOwned>(
    table: &'static str,
    bytes: &[u8],
) -> Result<T, RowError> {
    ciborium::from_reader(bytes).map_err(|_| RowError(table))
}

/// Serde of byte vectors and arrays as byte strings instead of lists of numbers.
pub(crate) mod blob {
    use std::{fmt, marker::PhantomData};

    use serde::{Deserializer, Serializer, de};

    pub(crate) fn serialize<T, S>(bytes: &T, to: S) -> Result<S::Ok, S::Error>
    where
        T: AsRef<[u8]>,
        S: Serializer,
    {
        to.serialize_bytes(bytes.as_ref())
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: for<'a> TryFrom<&'a [u8]>,
        D: Deserializer<'de>,
    {
        struct Bytes<T>(PhantomData<T>);

        impl<T> de::Visitor<'_> for Bytes<T>
        where
            T: for<'a> TryFrom<&'a [u8]>,
        {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a byte string of the right length")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<T, E> {
                T::try_from(bytes).map_err(|_| E::invalid_length(bytes.len(), &self))
            }

            fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<T, E> {
                self.visit_bytes(&bytes)
            }
        }

        from.deserialize_byte_buf(Bytes(PhantomData))
    }
}
