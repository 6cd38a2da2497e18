//! What a run says about an image; where it works on several storages, it names the one. Does no I/O itself.

use serde_json::Value;
use stage::{Console, Event};

/// The voice of a run, or of its part that works on one of several storages.
#[derive(Clone)]
pub(crate) struct Voice<'a> {
    /// Where progress is shown.
    pub(crate) console: &'a Console,
    on: Option<OnStorage>,
}

/// One of several storages of a run.
#[derive(Clone)]
struct OnStorage {
    node: String,
    storage: String,
}

impl<'a> Voice<'a> {
    /// Returns the voice of a whole run.
    pub(crate) fn new(console: &'a Console) -> Self {
        Self { console, on: None }
    }

    /// Returns the voice of the work on one of several storages.
    pub(crate) fn on_storage(&self, node: &str, storage: &str) -> Self {
        let on = OnStorage { node: node.to_owned(), storage: storage.to_owned() };
        Self { on: Some(on), ..self.clone() }
    }

    /// Returns the node, for work on one of several storages.
    pub(crate) fn node(&self) -> Option<&str> {
        self.on.as_ref().map(|on| &*on.node)
    }

    /// Shows a line about an image.
    pub(crate) fn tell(&self, event: &'static str, image: &str, text: &str) {
        self.show(Event::new(event, image, text));
    }

    /// Shows an event, whose subject is an image.
    pub(crate) fn show(&self, mut event: Event<'_>) {
        let Some(on) = &self.on else { return self.console.event(&event) };
        let image = event.subject;
        let subject = format!("{image} on {}", on.node);
        for (key, value) in [("image", image), ("node", &on.node), ("storage", &on.storage)] {
            event.fields.insert(key.to_owned(), Value::from(value));
        }
        self.console.event(&Event { subject: &subject, ..event });
    }
}
