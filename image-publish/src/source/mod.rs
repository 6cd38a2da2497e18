//! The source of an image, and what is known about it before a byte is sent.
//!
//! `address` reads URLs, `parts` finds and joins files, `compression` unpacks while streaming, `format` judges the content (of raw disks with `partitions`, by the bytes of `head`), `unfit` says why one is refused,
//! `checksum` reads checksums, `examine` reads an image once from end to end.

pub(crate) mod address;
pub(crate) mod checksum;
pub(crate) mod compression;
pub(crate) mod examine;
pub(crate) mod format;
pub(crate) mod head;
mod partitions;
pub(crate) mod parts;
mod qcow2;
mod unfit;
mod vmdk;
