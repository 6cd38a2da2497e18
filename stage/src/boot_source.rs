//! Whether the document says what a new VM boots from. Does no I/O.

use crate::deployment::Vm;

impl Vm {
    /// The `image` of a VM without an image. It is never created here, except as a clone of the template
    /// in its `clone_from`.
    pub const NO_IMAGE: &str = "none";

    /// Returns whether the VM is created if it does not exist: from its image, or from the template in its
    /// `clone_from`.
    pub fn is_created(&self) -> bool {
        self.image != Self::NO_IMAGE || self.clone_from.is_some()
    }
}
