//! `Shape`: what a kind of file may hold, as a table. Does no I/O.
//!
//! One table serves three: the walker that judges a file (`walk.rs`), the JSON Schemas for
//! editors (`schema.rs`), and the lists of what exists in messages. So they cannot disagree.

mod reference;
mod rule;
mod schema;
mod showing;
mod tables;
mod vm;
mod walk;

pub(crate) use reference::reference;
pub(crate) use rule::{DEPLOYMENT, ENDPOINT, NODE as NODE_NAME, Rule, is_local};
pub(crate) use schema::schema;
pub(crate) use showing::{Showing, of_path};
pub(crate) use tables::{
    CLOUD_INIT, DEFAULTS, ENV, ENV_VM, EXECUTION, HOST, MANIFEST, MANIFEST_NODE, NODE,
    NODE_EXECUTION, POSTURE, PRESET, SECRETS, SETTINGS, SITE, SPEC, TEMPLATE,
};
pub(crate) use walk::{bool_of, known_as, number_of, text_of, walk};

use stage::shown::Exposure;

/// A mapping with known keys.
pub(crate) struct Shape {
    /// What it is, as messages and schemas call it: "an env".
    pub title: &'static str,
    /// Its keys.
    pub fields: &'static [Field],
    /// Keys of which at least one must be set; empty for none.
    pub any_of: &'static [&'static str],
    /// Groups of which at most one key may be set.
    pub exclusive: &'static [&'static [&'static str]],
}

/// A key of a [`Shape`].
pub(crate) struct Field {
    /// Its name.
    pub name: &'static str,
    /// Names it had in older sites; still read.
    pub former: &'static [&'static str],
    /// What it holds. `null` counts as absent everywhere.
    pub ty: Type,
    /// Whether it must be there.
    pub required: bool,
    /// How much of its value a message may show; of a mapping it holds for all below. What may be
    /// [`Type::Any`] is never shown.
    pub shown: Exposure,
    /// One sentence for people.
    pub doc: &'static str,
}

/// What a key holds.
#[derive(Clone, Copy)]
pub(crate) enum Type {
    /// Text that keeps a rule.
    Text(&'static Rule),
    /// A whole number in a range.
    Number(i64, i64),
    /// `true` or `false`.
    Flag,
    /// A list.
    List(&'static Type),
    /// At least one item.
    Filled(&'static Type),
    /// A mapping with known keys.
    Object(&'static Shape),
    /// A mapping from any name to values of one type.
    Named(&'static Type),
    /// One of two; the first is tried when the node is no list.
    Either(&'static Type, &'static Type),
    /// Anything: it is passed on as it is.
    Any,
}

/// The kinds of files, as `resolve schema` calls them.
pub(crate) static KINDS: [(&str, &Shape); 10] = [
    ("site", &SITE),
    ("secrets", &SECRETS),
    ("node", &NODE),
    ("env", &ENV),
    ("template", &TEMPLATE),
    ("preset", &PRESET),
    ("manifest", &MANIFEST),
    ("spec", &SPEC),
    ("posture", &POSTURE),
    ("host", &HOST),
];

impl Field {
    const fn new(name: &'static str, ty: Type, doc: &'static str) -> Self {
        Self { name, former: &[], ty, required: false, shown: Exposure::Open, doc }
    }

    /// It is a secret, or text that may hold one.
    const fn hidden(mut self) -> Self {
        self.shown = Exposure::Hidden;
        self
    }

    /// It is a URL or a path, and may hold a password or a signature.
    const fn address(mut self) -> Self {
        self.shown = Exposure::Address;
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Its name, then those it had.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.former.iter().copied())
    }

    const fn former(mut self, names: &'static [&'static str]) -> Self {
        self.former = names;
        self
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Shape").field(&self.title).finish()
    }
}

impl Shape {
    /// Finds a key by its name or a former one.
    pub(crate) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == key || f.former.contains(&key))
    }
}
