//! Templates of images: VMs that PVE clones instead of importing the image.
//!
//! wanted (what the VMs use) × survey (what PVE has) → plan → check → make.

pub(crate) mod check;
pub(crate) mod find;
pub(crate) mod found;
mod make;
pub(crate) mod plan;
mod reading;
mod settle;
pub(crate) mod side_by_side;
pub(crate) mod survey;
pub(crate) mod wanted;
