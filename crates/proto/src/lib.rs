//! Generated messages of proto/ and their conversions to types.
