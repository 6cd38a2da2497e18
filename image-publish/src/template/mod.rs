//! Templates of images: VMs that PVE clones instead of importing the image.

pub(crate) mod clones;
pub(crate) mod find;
pub(crate) mod found;
pub(crate) mod line;
pub(crate) mod obstacle;
pub(crate) mod old;
pub(crate) mod remove;
pub(crate) mod census;
