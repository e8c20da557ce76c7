//! Configuration: defaults < TOML file < `XCHAT__SECTION__KEY` < flags. Unknown keys are refused,
//! and every mistake is reported at once.

mod layers;
mod load;
mod mistake;
mod render;
mod schema;
mod value;

use std::fmt::Debug;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

pub use layers::{Flag, Layers, Origin};
pub use load::{Loaded, load};
pub use mistake::{Mistake, Mistakes};
pub use render::{example, print};
pub use schema::schema;
pub use value::{ByteSize, HumanDuration, Secret};

/// A struct of settings: the whole configuration, or one section of it.
///
/// Implementors are `#[serde(deny_unknown_fields, default)]`; the doc comment of each field is
/// its documentation in the example file and the schema. Every key must be serialised, also
/// when it is `None`: what the defaults do not hold is an unknown key.
pub trait Section: Serialize + DeserializeOwned + Default + JsonSchema + Debug + Clone {
    /// Its key in the file.
    const NAME: &'static str;

    /// Checks what a type cannot say, reporting every mistake under its key in this section.
    fn check(&self, _mistakes: &mut Mistakes) {}
}
