//! `ImageSource`: where an image of the document comes from. Does no I/O.

use crate::fields::Fields;
use serde::Serialize;

/// Where an image comes from: exactly one of `file` and `url`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImageSource {
    /// Path of a local file; `resolve` writes an absolute one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Address to fetch it from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `sha256:HEX` or `sha512:HEX`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// Address or path of a `SHA256SUMS` file; `resolve` writes an absolute path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum_url: Option<String>,
    /// Who fetches a URL: `auto` (the default), `download-url` (the node) or `upload` (image-publish).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The image's format: `qcow2`, `raw` or `vmdk`. `None`: detected from its content or URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

impl ImageSource {
    pub(crate) fn read(f: &mut Fields<'_>) -> Self {
        Self {
            file: f.text("file"),
            url: f.text("url"),
            checksum: f.text("checksum"),
            checksum_url: f.text("checksum_url"),
            mode: f.text("mode"),
            format: f.text("format"),
        }
    }
}
