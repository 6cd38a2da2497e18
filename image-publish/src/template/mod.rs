//! Templates of images: VMs that PVE clones instead of importing the image.
//!
//! wanted (what the VMs use) × survey (what PVE has) → plan → check → make.
//! census (all that there are, and their clones) → old (which versions are) → remove.

pub(crate) mod census;
pub(crate) mod check;
pub(crate) mod clones;
pub(crate) mod find;
pub(crate) mod found;
pub(crate) mod line;
mod make;
pub(crate) mod obstacle;
pub(crate) mod old;
pub(crate) mod plan;
mod reading;
pub(crate) mod remove;
mod settle;
pub(crate) mod side_by_side;
pub(crate) mod survey;
pub(crate) mod wanted;
