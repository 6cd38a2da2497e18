//! `Shape`: the keys of a kind of file, as a table. Does no I/O.
//!
//! One table serves three users: the walker that validates files (`walk.rs`), the JSON Schemas for
//! editors (`schema.rs`), and the lists in messages. So they cannot disagree.

mod outline;
mod reference;
mod rule;
mod schema;
mod tables;
mod target;
mod vm;
mod walk;

pub(crate) use outline::{ShapeOutline, of_path};
pub(crate) use reference::{config as config_reference, reference, shared as vm_reference};
pub(crate) use rule::{DEPLOYMENT, ENDPOINT, NODE as NODE_NAME, Rule, SERVER, SSH_KEY, is_local};
pub(crate) use schema::schema;
pub(crate) use tables::{
    ALL_KEYS, CLOUD_INIT, ENV, MANIFEST, NETWORK, NODE, POSTURE, PRESET, SECRETS, SITE, SPEC,
    TEMPLATE, TOKENS,
};
use tables::{ENV_VM, MANIFEST_NODE};
pub(crate) use target::{Reference, Target};
pub(crate) use vm::{NIC, short_form};
pub(crate) use walk::{CONFIG, walk};

use machine::sdn::{Object, Row};
use machine::{ConfigKey, Form, Part};
use stage::shown::Exposure;

/// A mapping with known keys.
pub(crate) struct Shape {
    /// Its title in messages and schemas: "an env".
    pub title: &'static str,
    /// Its keys.
    pub fields: &'static [Field],
    /// Keys that it shares with others. A shape with the keys of VMs also has PVE's keys.
    pub shared: &'static [Field],
    /// The object whose options in PVE are keys, too.
    pub options: Option<Object>,
    /// At least one of these keys must be set, if there are any.
    pub any_of: &'static [&'static str],
    /// Groups of keys of which at most one may be set.
    pub exclusive: &'static [&'static [&'static str]],
    /// The hint for a value that is not a mapping; empty for none.
    pub instead: &'static str,
}

/// A key of a [`Shape`].
pub(crate) struct Field {
    /// Its name.
    pub name: &'static str,
    /// Former names, which are still read.
    pub former: &'static [&'static str],
    /// The type of its value. `null` counts as absent.
    pub ty: Type,
    /// Whether it is required.
    pub required: bool,
    /// How much of its value a message may show. For a mapping, this applies to everything below
    /// it. Values of [`Type::Any`] are never shown.
    pub shown: Exposure,
    /// What an empty text means.
    pub blank: Blank,
    /// Description, one sentence.
    pub doc: &'static str,
}

/// What an empty text means as the value of a key. In the reference, many values are not set if they
/// are empty, and its example files write `""` for what a site still has to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blank {
    /// It is a value like any other: the type decides whether it is valid.
    Value,
    /// The key counts as absent, so a lower layer applies.
    Unset,
    /// The key counts as `null`: no layer applies.
    Null,
}

/// A shape without keys, for the tables.
const EMPTY: Shape = Shape {
    title: "",
    fields: &[],
    shared: &[],
    options: None,
    any_of: &[],
    exclusive: &[],
    instead: "",
};

/// The type of a value.
#[derive(Clone, Copy)]
pub(crate) enum Type {
    /// Text that follows a rule.
    Text(&'static Rule),
    /// Text as written, even if YAML reads it as a number or a flag.
    Written(&'static Rule),
    /// One of a few words.
    Word(&'static [&'static str]),
    /// The name of something that must exist.
    Reference(Target),
    /// The short form of an option of a PVE config key.
    Short(&'static str, &'static str),
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
    /// A mapping whose keys follow a rule. The place of a value is that of its key.
    Keyed(&'static Rule, &'static Type),
    /// One of two types: the second is for lists.
    Either(&'static Type, &'static Type),
    /// A word, or a value of another type.
    Or(&'static str, &'static Type),
    /// Anything; passed on unchanged.
    Any,
}

/// The kinds of files, as `resolve schema` calls them.
pub(crate) static KINDS: [(&str, &Shape); 11] = [
    ("site", &SITE),
    ("secrets", &SECRETS),
    ("tokens", &TOKENS),
    ("node", &NODE),
    ("network", &NETWORK),
    ("env", &ENV),
    ("template", &TEMPLATE),
    ("preset", &PRESET),
    ("manifest", &MANIFEST),
    ("spec", &SPEC),
    ("posture", &POSTURE),
];

/// Returns the keys of a VM in a manifest or in an env.
pub(crate) fn vm_of(manifest: bool) -> &'static Shape {
    if manifest { &MANIFEST_NODE } else { &ENV_VM }
}

impl Field {
    const fn new(name: &'static str, ty: Type, doc: &'static str) -> Self {
        let (required, shown, blank) = (false, Exposure::Open, Blank::Value);
        Self { name, former: &[], ty, required, shown, blank, doc }
    }

    /// Returns whether its value is a mapping with this key.
    fn holds(&self, key: &str) -> bool {
        matches!(self.ty, Type::Object(shape) if shape.field(key).is_some())
    }

    /// Marks a secret, or text that may contain one.
    const fn hidden(mut self) -> Self {
        self.shown = Exposure::Hidden;
        self
    }

    /// Marks a URL or a path, which may contain a password or a signature.
    const fn address(mut self) -> Self {
        self.shown = Exposure::Address;
        self
    }

    /// Makes an empty text count as an absent key.
    const fn or_blank(mut self) -> Self {
        self.blank = Blank::Unset;
        self
    }

    /// Makes an empty text count as `null`.
    const fn blank_is_null(mut self) -> Self {
        self.blank = Blank::Null;
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Returns its name, then its former names.
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

/// A key that was found in a shape.
pub(crate) enum KeyMatch {
    /// Our own key.
    Field(&'static Field),
    /// A config key of PVE.
    Row(ConfigKey),
    /// An option of a zone, vnet or subnet.
    Option(&'static Row),
}

/// An option of a config key.
#[derive(Clone, Copy)]
pub(crate) enum Opt {
    /// An option of PVE.
    Part(&'static Part),
    /// Our own option.
    Field(&'static Field),
}

impl Shape {
    /// Returns all keys of our own.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'static Field> + Clone + use<> {
        self.fields.iter().chain(self.shared)
    }

    /// Returns whether PVE's config keys are allowed, too.
    pub(crate) fn is_vm(&self) -> bool {
        !self.shared.is_empty()
    }

    /// Returns the options of PVE that are not keys of our own.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'static Row> + Clone {
        let rows = self.options.map(Object::rows).unwrap_or_default().iter();
        rows.filter(|row| self.field(row.part.name).is_none())
    }

    /// Finds a key of our own by its name or a former name.
    pub(crate) fn field(&self, key: &str) -> Option<&'static Field> {
        self.all().find(|f| f.name == key || f.former.contains(&key))
    }

    /// Finds a key.
    pub(crate) fn find(&self, key: &str) -> Option<KeyMatch> {
        let row = || ConfigKey::find(key).filter(|_| self.is_vm()).map(KeyMatch::Row);
        let option = || self.options?.row(key).map(KeyMatch::Option);
        self.field(key).map(KeyMatch::Field).or_else(row).or_else(option)
    }
}

impl Opt {
    /// Finds an option by any of its names.
    pub(crate) fn find(key: &'static machine::Key, name: &str) -> Option<Self> {
        let own = || own_options(key).iter().find(|field| field.name == name).map(Self::Field);
        key.part(name).map(Self::Part).or_else(own)
    }

    /// Returns its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Part(part) => part.name,
            Self::Field(field) => field.name,
        }
    }

    /// Returns its description.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Part(part) => part.help,
            Self::Field(field) => field.doc,
        }
    }
}

/// Returns the option that can be written without its name.
pub(crate) fn bare(key: &'static machine::Key) -> Option<&'static machine::Part> {
    match key.form {
        Form::Options { default, bare, .. } => key.part(default).filter(|_| bare),
        Form::Nic(_) => key.part("model"),
        Form::Drive(_) => key.part("file"),
        Form::Scalar => None,
    }
}

/// Returns our own options of a config key.
pub(crate) fn own_options(key: &machine::Key) -> &'static [Field] {
    if matches!(key.form, Form::Nic(_)) { &NIC } else { &[] }
}

/// Returns all names of a config key's options.
pub(crate) fn option_names(
    key: &'static machine::Key,
) -> impl Iterator<Item = &'static str> + Clone {
    let names =
        |part: &'static Part| std::iter::once(part.name).chain(part.aliases.iter().copied());
    key.parts().iter().flat_map(names).chain(own_options(key).iter().map(|field| field.name))
}
