//! The envelope log and its fold: submit, order, deliver.

pub mod domain;
pub mod rows;
