//! `Unfit`: why a file cannot be used as an image. Does no I/O.

/// Why a file cannot be used as an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// Its content was not recognized.
    #[error("is not a disk image: its content is neither qcow2 nor vmdk nor a raw disk")]
    NoImage,
    /// An installer's CD.
    #[error("is an ISO image, not a disk image")]
    Iso,
    /// An archive.
    #[error("is a tar archive (an OVA is one), not a disk image")]
    Archive,
    /// It is truncated.
    #[error("is truncated: {what}")]
    CutOff {
        /// What is missing.
        what: String,
    },
    /// It needs its backing file.
    #[error("has the backing file \"{name}\"; an image must be complete in one file")]
    BackingFile {
        /// The file that it names.
        name: String,
    },
    /// It needs its data file.
    #[error("keeps its data in another file; an image must be complete in one file")]
    DataFile,
    /// Its content cannot be read without a key.
    #[error("is encrypted")]
    Encrypted,
    /// It was not closed properly.
    #[error("is marked as damaged, or was not closed properly")]
    Damaged,
    /// Its header is invalid.
    #[error("has an invalid {format} header: {what}")]
    BadHeader {
        /// Its format.
        format: &'static str,
        /// What is invalid.
        what: String,
    },
}

impl Unfit {
    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::BackingFile { .. } | Self::DataFile => {
                Some("`qemu-img convert -O qcow2 OLD NEW` merges it into one file")
            }
            Self::Damaged => Some("`qemu-img check -r all FILE` repairs it"),
            Self::Archive => Some("unpack it, and publish the disk inside"),
            Self::CutOff { .. } => Some("fetch or build it again"),
            Self::Iso => Some(
                "it is for a CD drive, and VMs are not created from it: upload it under ISO Images of a storage",
            ),
            Self::NoImage | Self::Encrypted | Self::BadHeader { .. } => None,
        }
    }
}
