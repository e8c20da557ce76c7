//! Labels: enums with a name, so that a metric has as many series as somebody can count.

use opentelemetry::KeyValue;
use xchat_proto::common::Reason;

/// One label.
pub trait Label: Copy + Send + Sync + 'static {
    const NAME: &'static str;

    fn values() -> Vec<&'static str>;

    fn value(self) -> &'static str;
}

/// None, one or two labels.
pub trait Labels: Copy + Send + Sync + 'static {
    type Pairs: AsRef<[KeyValue]>;

    fn pairs(self) -> Self::Pairs;

    /// Names, each with all its values.
    fn described() -> Vec<(&'static str, Vec<&'static str>)>;
}

impl Labels for () {
    type Pairs = [KeyValue; 0];

    fn pairs(self) -> Self::Pairs {
        []
    }

    fn described() -> Vec<(&'static str, Vec<&'static str>)> {
        Vec::new()
    }
}

impl<A: Label> Labels for A {
    type Pairs = [KeyValue; 1];

    fn pairs(self) -> Self::Pairs {
        [KeyValue::new(A::NAME, self.value())]
    }

    fn described() -> Vec<(&'static str, Vec<&'static str>)> {
        vec![(A::NAME, A::values())]
    }
}

impl<A: Label, B: Label> Labels for (A, B) {
    type Pairs = [KeyValue; 2];

    fn pairs(self) -> Self::Pairs {
        let (a, b) = self;
        [
            KeyValue::new(A::NAME, a.value()),
            KeyValue::new(B::NAME, b.value()),
        ]
    }

    fn described() -> Vec<(&'static str, Vec<&'static str>)> {
        vec![(A::NAME, A::values()), (B::NAME, B::values())]
    }
}

/// Makes an enum a label: `enum Way("way") { Up = "up", Down = "down" }`.
#[macro_export]
macro_rules! label {
    (
        $(#[$of:meta])*
        $vis:vis enum $label:ident($name:literal) {
            $($(#[$of_variant:meta])* $variant:ident = $value:literal,)+
        }
    ) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $label {
            $($(#[$of_variant])* $variant,)+
        }

        impl $crate::meter::Label for $label {
            const NAME: &'static str = $name;

            fn values() -> Vec<&'static str> {
                vec![$($value),+]
            }

            fn value(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }
    };
}

/// The closed table of reasons.
impl Label for Reason {
    const NAME: &'static str = "reason";

    fn values() -> Vec<&'static str> {
        // The table has no gaps.
        (1..)
            .map_while(|number| Self::try_from(number).ok())
            .map(Self::value)
            .collect()
    }

    fn value(self) -> &'static str {
        let name = self.as_str_name();
        name.strip_prefix("REASON_").unwrap_or(name)
    }
}

impl Label for tonic::Code {
    const NAME: &'static str = "code";

    fn values() -> Vec<&'static str> {
        (0..=16).map(Self::from_i32).map(Self::value).collect()
    }

    /// As in the specification of gRPC.
    fn value(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}
