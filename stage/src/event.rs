//! `Event`: something that happened while a stage works. Does no I/O.

use serde::Serialize;
use serde_json::{Map, Value};

/// Something that happened while a stage works.
#[derive(Clone, Debug, Serialize)]
pub struct Event<'a> {
    /// What kind of thing, such as `step` or `done`; part of the JSON format's contract.
    pub event: &'static str,
    /// What it happened to, such as a VM's name; its live line.
    pub subject: &'a str,
    /// The same for people, without the subject.
    pub text: &'a str,
    /// How far the present step is, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// More for machines: vmid, UPID, rate.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl<'a> Event<'a> {
    /// An event with nothing but its text.
    pub fn new(event: &'static str, subject: &'a str, text: &'a str) -> Self {
        Self { event, subject, text, percent: None, fields: Map::new() }
    }
}
