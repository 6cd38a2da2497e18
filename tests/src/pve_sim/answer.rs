//! Answers of the API: data, or a refusal in PVE's own form.
//! A pure module: does no I/O.

use serde_json::{Map, Value, json};

/// Data as PVE returns it; lists of tasks and logs have `total` next to `data`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) data: Value,
    pub(crate) total: Option<usize>,
    /// A scripted body that replaces both.
    pub(crate) body: Option<Value>,
}

impl<T: Into<Value>> From<T> for Answer {
    fn from(data: T) -> Self {
        Self { data: data.into(), total: None, body: None }
    }
}

impl Answer {
    /// Returns the JSON body.
    pub(crate) fn json(&self) -> Value {
        if let Some(body) = &self.body {
            return body.clone();
        }
        let mut body = json!({ "data": self.data });
        if let Some(total) = self.total {
            body["total"] = total.into();
        }
        body
    }
}

/// The form of a refusal's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// `{"data":null,"message":"…\n"}`
    Json,
    /// The text itself, as in pveproxy's own refusals.
    Plain,
    /// Empty: there is only the status line (facts 3).
    Empty,
}

/// A refusal: status, text, and per-parameter errors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) errors: Map<String, Value>,
    pub(crate) body: Body,
    /// Whether the simulator does not support the request: it is listed in `refused`.
    pub(crate) unknown: bool,
}

/// The result of a route.
pub(crate) type Reply = Result<Answer, Refusal>;

impl Refusal {
    fn new(status: u16, message: impl Into<String>, body: Body) -> Self {
        Self { status, message: message.into(), errors: Map::new(), body, unknown: false }
    }

    /// A plain `die`: status 500, the text ending in a newline (facts 1, 4).
    pub(crate) fn die(message: impl AsRef<str>) -> Self {
        Self::status(500, message)
    }

    /// A refusal with a status of its own.
    pub(crate) fn status(status: u16, message: impl AsRef<str>) -> Self {
        Self::new(status, format!("{}\n", message.as_ref()), Body::Json)
    }

    /// Returns the exit status of a task that fails with it.
    // PVE: pve-common, Exception.pm, stringify: the status comes before the text.
    pub(crate) fn in_task(&self) -> String {
        let mut text = self.message.trim_end().to_owned();
        if self.status != 500 {
            text = format!("{} {text}", self.status);
        }
        for (name, why) in &self.errors {
            text.push_str(&format!("\n{name}: {}", why.as_str().unwrap_or_default().trim_end()));
        }
        text
    }

    /// One wrong parameter: status 400 (facts 1).
    pub(crate) fn parameter(name: &str, text: impl Into<String>) -> Self {
        Self::parameters(Map::from_iter([(name.to_owned(), Value::String(text.into()))]))
    }

    /// Several wrong parameters.
    pub(crate) fn parameters(errors: Map<String, Value>) -> Self {
        Self { errors, ..Self::status(400, "Parameter verification failed.") }
    }

    /// A missing privilege (facts 53).
    pub(crate) fn permission(what: &str) -> Self {
        Self::status(403, format!("Permission check failed ({what})"))
    }

    /// A missing privilege that PVE does not name (facts 53).
    pub(crate) fn permission_unnamed() -> Self {
        Self::status(403, "Permission check failed")
    }

    /// A refusal by pveproxy itself, as plain text (facts 3).
    pub(crate) fn plain(status: u16, message: impl Into<String>) -> Self {
        Self::new(status, message, Body::Plain)
    }

    /// A refusal without a body (facts 3).
    pub(crate) fn bare(status: u16, message: impl Into<String>) -> Self {
        Self::new(status, message, Body::Empty)
    }

    /// Something the simulator does not support: 501, and listed in `refused`.
    pub(crate) fn unknown(message: impl AsRef<str>) -> Self {
        Self { unknown: true, ..Self::new(501, message.as_ref(), Body::Json) }
    }

    /// Returns the JSON body; before PVE 8.4 only the status line has the text
    /// (reference 4, "Status codes").
    pub(crate) fn json(&self, with_message: bool) -> Value {
        let mut body = json!({ "data": null });
        if with_message {
            body["message"] = self.message.clone().into();
        }
        if !self.errors.is_empty() {
            body["errors"] = self.errors.clone().into();
        }
        body
    }
}
