//! Which trace something belongs to (W3C Trace Context): stands beside data, is never part of it.

use std::fmt;

/// A span of a sampled trace. What is not sampled has none, and costs nothing on its way.
///
/// Random numbers that say nothing about whose request it was; nothing is decided by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace: [u8; Self::TRACE],
    span: [u8; Self::SPAN],
}

impl TraceContext {
    const TRACE: usize = 16;
    const SPAN: usize = 8;
    /// Of [`TraceContext::to_bytes`].
    pub const LEN: usize = Self::TRACE + Self::SPAN;
    /// Name of the header in which its text travels.
    pub const HEADER: &'static str = "traceparent";

    /// `None`: all zeros mean that there is no trace, or no span.
    pub fn new(trace: [u8; 16], span: [u8; 8]) -> Option<Self> {
        let valid = trace != [0; Self::TRACE] && span != [0; Self::SPAN];
        valid.then_some(Self { trace, span })
    }

    pub const fn trace(&self) -> [u8; 16] {
        self.trace
    }

    pub const fn span(&self) -> [u8; 8] {
        self.span
    }

    /// Trace, then span.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let both = self.trace.iter().chain(&self.span);
        bytes
            .iter_mut()
            .zip(both)
            .for_each(|(to, from)| *to = *from);
        bytes
    }

    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let (trace, span) = bytes.split_first_chunk::<{ Self::TRACE }>()?;
        Self::new(*trace, *span.first_chunk::<{ Self::SPAN }>()?)
    }

    /// Reads a `traceparent` of version 00; `None` if it is none, or is not sampled.
    pub fn from_traceparent(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let (version, trace, span, flags) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        let sampled = u8::try_from(hex(flags, 1)?).ok()? & 1 == 1;
        let (trace, span) = (hex(trace, Self::TRACE)?, hex(span, Self::SPAN)?);
        let whole = version == "00" && fields.next().is_none();
        if !whole || !sampled {
            return None;
        }
        Self::new(trace.to_be_bytes(), u64::try_from(span).ok()?.to_be_bytes())
    }
}

/// The number that so many bytes are in lower-case hexadecimal.
fn hex(text: &str, bytes: usize) -> Option<u128> {
    let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let whole = digits && text.len() == 2 * bytes;
    whole.then(|| u128::from_str_radix(text, 16).ok())?
}

/// As a `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (
            u128::from_be_bytes(self.trace),
            u64::from_be_bytes(self.span),
        );
        write!(f, "00-{trace:032x}-{span:016x}-01")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_reads_back_as_text_and_as_bytes() {
        let context = TraceContext::from_traceparent(TEXT).unwrap();
        assert_eq!(context.to_string(), TEXT);
        assert_eq!(context.trace()[0], 0x0a);
        assert_eq!(context.span()[7], 0xb7);
        assert_eq!(TraceContext::from_bytes(&context.to_bytes()), Some(context));
    }

    #[test]
    fn what_is_not_sampled_or_not_a_traceparent_is_none() {
        for wrong in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-00",
            "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01-x",
            "01-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
            "00-0AF7651916CD43DD8448EB211C80319C-00f067aa0ba902b7-01",
            "00-+af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::from_traceparent(wrong), None, "{wrong}");
        }
    }
}
