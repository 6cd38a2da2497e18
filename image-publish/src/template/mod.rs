//! Templates of images: VMs that PVE clones instead of importing the image.

pub(crate) mod find;
pub(crate) mod found;
