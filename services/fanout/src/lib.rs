//! The envelope log and its fold: submit, order, deliver.
