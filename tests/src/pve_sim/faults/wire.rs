//! What an answer becomes on its way: cut to pieces, replaced, endless.
//! A pure module: does no I/O.

use serde::{Deserialize, Serialize};
use serde_json::json;

/// What happens to an answer on its way, whether the work was done or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// The connection is reset in place of the answer.
    Reset,
    /// The first bytes come one at a time.
    Slow,
    /// The connection ends after half of the body.
    BrokenOff,
    /// The body is half of its JSON, and its length says so.
    Truncated,
    /// The body is a web page, as from a proxy in front of PVE.
    Html,
    /// The body is 10 MB of JSON that has nothing to do with the request.
    Huge,
}

/// How many bytes of a slow answer come one at a time: its head and some of its body.
pub(crate) const SLOW_BYTES: usize = 300;

/// The web page that some proxies send with any status.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head>\n\
    <body><p>{\"data\": null} is not JSON here.</p></body></html>\n";

impl Wire {
    /// Returns the media type and the body in place of these.
    pub(crate) fn spoil(self, kind: &'static str, body: String) -> (&'static str, String) {
        match self {
            Self::Truncated => {
                let half = body.floor_char_boundary(body.len() / 2);
                (kind, body[..half].to_owned())
            }
            Self::Html => ("text/html", PAGE.to_owned()),
            Self::Huge => {
                let row = json!({"n": 1, "text": "x".repeat(10_000)});
                (kind, json!({"data": vec![row; 1000]}).to_string())
            }
            Self::Reset | Self::Slow | Self::BrokenOff => (kind, body),
        }
    }
}
