//! `Key` and `Part`: everything that is known of one config key, as a row. Does no I/O.

use crate::kind::Kind;
use crate::need::Need;
use crate::version::Version;
use crate::wire::Wire;

/// A config key of PVE, or a family of them: `net` stands for net0 to net31.
#[derive(Debug)]
pub struct Key {
    /// The key's own row; of a family, `name` is the stem.
    pub part: Part,
    /// How many slots a family has; `None`: it is a single key.
    pub slots: Option<u16>,
    /// The slot of a family that every new VM has; `None`: only the slots that somebody names.
    pub new_slot: Option<u16>,
    /// How its value is built.
    pub form: Form,
    /// What a write takes.
    pub needs: &'static [Need],
    /// Where in PVE's source this is known from.
    pub source: &'static str,
}

/// How a key's value is built.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// One value; the key's own [`Part`] says which.
    Scalar,
    /// A property string; the option named `default` stands first.
    Options {
        /// The option that may stand without its name; empty for none.
        default: &'static str,
        /// It is written without its name.
        bare: bool,
        /// The options, in the order in which they are written.
        parts: &'static [Part],
    },
    /// A NIC: a property string that begins with `MODEL=MAC`.
    Nic(&'static [Part]),
    /// A drive: a property string that begins with the volume.
    Drive(&'static [Part]),
}

/// A value: that of a scalar key, or an option of a property string.
#[derive(Debug)]
pub struct Part {
    /// Its name in PVE.
    pub name: &'static str,
    /// Other names that YAML may give it.
    pub aliases: &'static [&'static str],
    /// What it holds.
    pub kind: Kind,
    /// PVE wants it wherever its key is set.
    pub required: bool,
    /// What PVE takes where it is absent, in normal form; `None`: nothing.
    pub absent: Option<&'static str>,
    /// What a new VM gets where nobody says anything, in normal form; `None`: nothing is sent.
    pub at_create: Option<&'static str>,
    /// The value at creation counts only where another key has, or gets, this value.
    pub at_create_with: Option<(&'static str, &'static str)>,
    /// What a change does to a running guest.
    pub effect: Effect,
    /// A change to or from one of these waits for the next start, whatever `effect` says.
    pub restarts: &'static [&'static str],
    /// How its text stands in PVE.
    pub wire: Wire,
    /// The first PVE that has it.
    pub since: Version,
    /// One sentence for people.
    pub help: &'static str,
}

/// What a change does to a running guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is in force at once.
    Live,
    /// It is in force at once where the VM's `hotplug` has the feature; else like [`Effect::Restart`].
    Plug(Feature),
    /// It waits for the next start.
    Restart,
    /// A size, which only grows; at once.
    Grow,
    /// It counts when it is made, and is never compared afterwards.
    AtCreate,
}

/// A word of the key `hotplug`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// NICs.
    Network,
    /// Drives.
    Disk,
    /// USB devices and the tablet.
    Usb,
    /// `vcpus`.
    Cpu,
    /// `memory`.
    Memory,
}

impl Part {
    /// An option, or a scalar's value, whose change waits for the next start.
    pub(crate) const fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            name,
            aliases: &[],
            kind,
            required: false,
            absent: None,
            at_create: None,
            at_create_with: None,
            effect: Effect::Restart,
            restarts: &[],
            wire: Wire::Plain,
            since: Version::OLDEST,
            help,
        }
    }

    /// Names that YAML may give it besides PVE's.
    pub(crate) const fn aliases(mut self, names: &'static [&'static str]) -> Self {
        self.aliases = names;
        self
    }

    /// PVE wants it wherever its key is set.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// What PVE takes where it is absent.
    pub(crate) const fn absent(mut self, value: &'static str) -> Self {
        self.absent = Some(value);
        self
    }

    /// What a new VM gets where nobody says anything.
    pub(crate) const fn at_create(mut self, value: &'static str) -> Self {
        self.at_create = Some(value);
        self
    }

    /// The value at creation counts only where another key has this value.
    pub(crate) const fn only_with(mut self, key: &'static str, value: &'static str) -> Self {
        self.at_create_with = Some((key, value));
        self
    }

    /// What a change does to a running guest.
    pub(crate) const fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// A change to or from one of these waits for the next start.
    pub(crate) const fn restarts(mut self, values: &'static [&'static str]) -> Self {
        self.restarts = values;
        self
    }

    /// How its text stands in PVE.
    pub(crate) const fn wire(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    /// The first PVE that has it.
    pub(crate) const fn since(mut self, major: u8, minor: u8) -> Self {
        self.since = Version(major, minor);
        self
    }

    /// What a change from one normal form to another does to a running guest. `None` stands for
    /// what PVE takes where the value is absent.
    pub fn effect_of(&self, from: Option<&str>, to: Option<&str>) -> Effect {
        let holds = |text: &str| text.split([',', ';']).any(|item| self.restarts.contains(&item));
        if [from, to].into_iter().any(|text| text.or(self.absent).is_some_and(holds)) {
            return Effect::Restart;
        }
        self.effect
    }

    /// Its name among the parts of a key: a scalar's only part has none.
    pub fn name_in(&self, key: &Key) -> &'static str {
        if key.is_scalar() { "" } else { self.name }
    }

    /// Returns whether YAML may call it so.
    pub fn has_name(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

impl Key {
    /// A key with one value.
    pub(crate) const fn scalar(part: Part, needs: &'static [Need], source: &'static str) -> Self {
        Self { part, slots: None, new_slot: None, form: Form::Scalar, needs, source }
    }

    /// A key with options. Its own part's kind is not used.
    pub(crate) const fn of(
        name: &'static str,
        form: Form,
        needs: &'static [Need],
        help: &'static str,
        source: &'static str,
    ) -> Self {
        let part = Part::new(name, Kind::Flag, help);
        Self { part, slots: None, new_slot: None, form, needs, source }
    }

    /// A family of so many slots.
    pub(crate) const fn slots(mut self, count: u16) -> Self {
        self.slots = Some(count);
        self
    }

    /// The slot that every new VM has.
    pub(crate) const fn new_slot(mut self, slot: u16) -> Self {
        self.new_slot = Some(slot);
        self
    }

    /// What adding or removing the whole key does to a running guest.
    pub(crate) const fn effect(mut self, effect: Effect) -> Self {
        self.part.effect = effect;
        self
    }

    /// Its parts: the options, or of a scalar its one value.
    pub fn parts(&'static self) -> &'static [Part] {
        match self.form {
            Form::Scalar => std::slice::from_ref(&self.part),
            Form::Options { parts, .. } | Form::Nic(parts) | Form::Drive(parts) => parts,
        }
    }

    /// The part that YAML calls so; a scalar's only part has no name there.
    pub fn part(&'static self, name: &str) -> Option<&'static Part> {
        match self.form {
            Form::Scalar => name.is_empty().then_some(&self.part),
            _ => self.parts().iter().find(|part| part.has_name(name)),
        }
    }

    /// Returns whether an option `base64` says how its texts stand.
    pub(crate) fn has_base64(&'static self) -> bool {
        self.parts().iter().any(|part| part.wire == Wire::Base64)
    }

    /// Returns whether its value is one scalar.
    pub fn is_scalar(&self) -> bool {
        matches!(self.form, Form::Scalar)
    }
}
