//! Deterministic CBOR (RFC 8949, section 4.2.1), the part that our own formats use: unsigned
//! integers, byte strings, booleans, arrays and maps with integer keys. The reader takes what the
//! writer makes and nothing else, so that equal values have equal bytes.

use thiserror::Error;

/// Why bytes are not the one encoding of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a canonical encoding")]
pub struct NotCanonical;

const UINT: u8 = 0;
const BYTES: u8 = 2;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
/// In place of a small value: it follows in 1, 2, 4 or 8 bytes.
const WIDE: [u8; 4] = [0x18, 0x19, 0x1a, 0x1b];
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;

#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn head(&mut self, major: u8, value: u64) -> &mut Self {
        let major = major << 5;
        let [in_1, in_2, in_4, in_8] = WIDE.map(|width| major | width);
        let wide = value.to_be_bytes();
        match value {
            0..=23 => self.0.push(major | wide[7]),
            24..=0xff => self.0.extend_from_slice(&[in_1, wide[7]]),
            0x100..=0xffff => {
                self.0.push(in_2);
                self.0.extend_from_slice(&wide[6..]);
            }
            0x1_0000..=0xffff_ffff => {
                self.0.push(in_4);
                self.0.extend_from_slice(&wide[4..]);
            }
            _ => {
                self.0.push(in_8);
                self.0.extend_from_slice(&wide);
            }
        }
        self
    }

    pub(crate) fn uint(&mut self, value: u64) -> &mut Self {
        self.head(UINT, value)
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(BYTES, value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn bool(&mut self, value: bool) -> &mut Self {
        self.0.push(if value { TRUE } else { FALSE });
        self
    }

    pub(crate) fn array(&mut self, items: usize) -> &mut Self {
        self.head(ARRAY, items as u64)
    }

    pub(crate) fn map(&mut self, entries: usize) -> &mut Self {
        self.head(MAP, entries as u64)
    }
}

#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Nothing may follow the value.
    pub(crate) const fn finish(self) -> Result<(), NotCanonical> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(NotCanonical)
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], NotCanonical> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(NotCanonical)?;
        self.0 = rest;
        Ok(taken)
    }

    fn head(&mut self, expected: u8) -> Result<u64, NotCanonical> {
        let first = *self.take(1)?.first().ok_or(NotCanonical)?;
        if first >> 5 != expected {
            return Err(NotCanonical);
        }
        let width = match first & 0x1f {
            small @ 0..=23 => return Ok(u64::from(small)),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(NotCanonical),
        };
        let value = self
            .take(width)?
            .iter()
            .fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
        let shortest = match width {
            1 => value >= 24,
            2 => value > 0xff,
            4 => value > 0xffff,
            _ => value > 0xffff_ffff,
        };
        if shortest {
            Ok(value)
        } else {
            Err(NotCanonical)
        }
    }

    pub(crate) fn uint(&mut self) -> Result<u64, NotCanonical> {
        self.head(UINT)
    }

    /// An integer that fits the narrower type.
    pub(crate) fn number<N: TryFrom<u64>>(&mut self) -> Result<N, NotCanonical> {
        N::try_from(self.uint()?).map_err(|_| NotCanonical)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], NotCanonical> {
        let length = usize::try_from(self.head(BYTES)?).map_err(|_| NotCanonical)?;
        self.take(length)
    }

    /// A byte string of exactly the value's length, such as an id.
    pub(crate) fn fixed<T: TryFrom<&'a [u8]>>(&mut self) -> Result<T, NotCanonical> {
        T::try_from(self.bytes()?).map_err(|_| NotCanonical)
    }

    pub(crate) fn bool(&mut self) -> Result<bool, NotCanonical> {
        match self.take(1)?.first() {
            Some(&TRUE) => Ok(true),
            Some(&FALSE) => Ok(false),
            _ => Err(NotCanonical),
        }
    }

    /// Number of items, never more than there are bytes left, so that nothing is allocated for
    /// what cannot follow.
    pub(crate) fn array(&mut self) -> Result<usize, NotCanonical> {
        let items = usize::try_from(self.head(ARRAY)?).map_err(|_| NotCanonical)?;
        if items <= self.0.len() {
            Ok(items)
        } else {
            Err(NotCanonical)
        }
    }

    /// An array of a known number of items.
    pub(crate) fn tuple(&mut self, items: usize) -> Result<(), NotCanonical> {
        if self.array()? == items {
            Ok(())
        } else {
            Err(NotCanonical)
        }
    }

    /// A map of a known number of entries.
    pub(crate) fn map(&mut self, entries: usize) -> Result<(), NotCanonical> {
        if self.head(MAP)? == entries as u64 {
            Ok(())
        } else {
            Err(NotCanonical)
        }
    }

    /// The next key of a map with integer keys.
    pub(crate) fn key(&mut self, expected: u64) -> Result<(), NotCanonical> {
        if self.uint()? == expected {
            Ok(())
        } else {
            Err(NotCanonical)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_of_a_number_survives_and_its_longer_forms_are_refused() {
        for value in [
            0,
            23,
            24,
            255,
            256,
            65_535,
            65_536,
            0xffff_ffff,
            0x1_0000_0000,
            u64::MAX,
        ] {
            let mut writer = Writer::default();
            writer.uint(value);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.uint(), Ok(value));
            assert_eq!(reader.finish(), Ok(()));
        }
        for longer in [&[0x18, 23][..], &[0x19, 0, 255], &[0x1a, 0, 0, 255, 255]] {
            assert_eq!(Reader::new(longer).uint(), Err(NotCanonical));
        }
    }

    #[test]
    fn lengths_beyond_the_input_are_refused_before_anything_is_allocated() {
        assert!(
            Reader::new(&[0x9b, 255, 255, 255, 255, 255, 255, 255, 255])
                .array()
                .is_err()
        );
        assert!(
            Reader::new(&[0x5b, 255, 255, 255, 255, 255, 255, 255, 255])
                .bytes()
                .is_err()
        );
        assert!(Reader::new(&[]).bool().is_err());
        assert!(Reader::new(&[0x9f]).array().is_err());
    }
}
