//! `Key` and `Part`: a row with everything that is known about a config key. Does no I/O.

use crate::kind::Kind;
use crate::need::Need;
use crate::version::Version;
use crate::wire::Wire;

/// A config key of PVE, or a family of keys: `net` is net0 to net31.
#[derive(Debug)]
pub struct Key {
    /// The key's own data; for a family, `name` is the stem.
    pub part: Part,
    /// Number of slots of a family; `None` for a single key.
    pub slots: Option<u16>,
    /// The slot of a family that every new VM has, if any.
    pub new_slot: Option<u16>,
    /// The form of its value.
    pub form: Form,
    /// The privileges required to write it.
    pub needs: &'static [Need],
    /// Its source in PVE's code.
    pub source: &'static str,
}

/// The form of a key's value.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// One value, described by the key's own [`Part`].
    Scalar,
    /// A property string; the option named `default` comes first.
    Options {
        /// The option that can be written without its name; empty for none.
        default: &'static str,
        /// Whether it is written without its name.
        bare: bool,
        /// The options, in the order of writing.
        parts: &'static [Part],
    },
    /// A NIC: a property string that starts with `MODEL=MAC`.
    Nic(&'static [Part]),
    /// A drive: a property string that starts with the volume.
    Drive(&'static [Part]),
}

/// The value of a scalar key, or an option of a property string.
#[derive(Debug)]
pub struct Part {
    /// Its name in PVE.
    pub name: &'static str,
    /// Aliases in YAML.
    pub aliases: &'static [&'static str],
    /// The type of its value.
    pub kind: Kind,
    /// Whether PVE requires it if its key is set.
    pub required: bool,
    /// PVE's default in normal form, if any.
    pub absent: Option<&'static str>,
    /// The default for new VMs in normal form; `None` if nothing is sent.
    pub at_create: Option<&'static str>,
    /// The default for new VMs applies only if another key has or gets this value.
    pub at_create_with: Option<(&'static str, &'static str)>,
    /// When a change takes effect in a running guest.
    pub effect: Effect,
    /// A change to or from one of these takes effect at the next start, regardless of `effect`.
    pub restarts: &'static [&'static str],
    /// How PVE encodes its text.
    pub wire: Wire,
    /// The first PVE version that has it.
    pub since: Version,
    /// Description, one sentence.
    pub help: &'static str,
}

/// When a change takes effect in a running guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Immediately.
    Live,
    /// Immediately if the VM's `hotplug` has the feature, else like [`Effect::Restart`].
    Plug(Feature),
    /// At the next start.
    Restart,
    /// Immediately, for a size, which can only grow.
    Grow,
    /// Never: it is used only at creation and not compared afterwards.
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
    /// Creates an option or scalar value; changes take effect at the next start.
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

    /// Sets aliases in YAML.
    pub(crate) const fn aliases(mut self, names: &'static [&'static str]) -> Self {
        self.aliases = names;
        self
    }

    /// Marks it as required if its key is set.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Sets PVE's default.
    pub(crate) const fn absent(mut self, value: &'static str) -> Self {
        self.absent = Some(value);
        self
    }

    /// Sets the default for new VMs.
    pub(crate) const fn at_create(mut self, value: &'static str) -> Self {
        self.at_create = Some(value);
        self
    }

    /// Limits the default for new VMs to those where another key has this value.
    pub(crate) const fn only_with(mut self, key: &'static str, value: &'static str) -> Self {
        self.at_create_with = Some((key, value));
        self
    }

    /// Sets when a change takes effect in a running guest.
    pub(crate) const fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// Sets values whose changes take effect at the next start.
    pub(crate) const fn restarts(mut self, values: &'static [&'static str]) -> Self {
        self.restarts = values;
        self
    }

    /// Sets how PVE encodes its text.
    pub(crate) const fn wire(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    /// Sets the first PVE version that has it.
    pub(crate) const fn since(mut self, major: u8, minor: u8) -> Self {
        self.since = Version(major, minor);
        self
    }

    /// Returns when a change between two normal forms takes effect in a running guest. `None` means
    /// PVE's default.
    pub fn effect_of(&self, from: Option<&str>, to: Option<&str>) -> Effect {
        let holds = |text: &str| text.split([',', ';']).any(|item| self.restarts.contains(&item));
        if [from, to].into_iter().any(|text| text.or(self.absent).is_some_and(holds)) {
            return Effect::Restart;
        }
        self.effect
    }

    /// Returns its name among the parts of a key, which is empty for a scalar.
    pub fn name_in(&self, key: &Key) -> &'static str {
        if key.is_scalar() { "" } else { self.name }
    }

    /// Returns whether it has this name or alias.
    pub fn has_name(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

impl Key {
    /// Creates a key with one value.
    pub(crate) const fn scalar(part: Part, needs: &'static [Need], source: &'static str) -> Self {
        Self { part, slots: None, new_slot: None, form: Form::Scalar, needs, source }
    }

    /// Creates a key with options. The kind of its own part is unused.
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

    /// Makes it a family with this number of slots.
    pub(crate) const fn slots(mut self, count: u16) -> Self {
        self.slots = Some(count);
        self
    }

    /// Sets the slot that every new VM has.
    pub(crate) const fn new_slot(mut self, slot: u16) -> Self {
        self.new_slot = Some(slot);
        self
    }

    /// Sets when adding or removing the whole key takes effect in a running guest.
    pub(crate) const fn effect(mut self, effect: Effect) -> Self {
        self.part.effect = effect;
        self
    }

    /// Returns its options, or the only value of a scalar.
    pub fn parts(&'static self) -> &'static [Part] {
        match self.form {
            Form::Scalar => std::slice::from_ref(&self.part),
            Form::Options { parts, .. } | Form::Nic(parts) | Form::Drive(parts) => parts,
        }
    }

    /// Returns the part with this name or alias, which is empty for a scalar.
    pub fn part(&'static self, name: &str) -> Option<&'static Part> {
        match self.form {
            Form::Scalar => name.is_empty().then_some(&self.part),
            _ => self.parts().iter().find(|part| part.has_name(name)),
        }
    }

    /// Returns whether an option `base64` describes the encoding of its texts.
    pub(crate) fn has_base64(&'static self) -> bool {
        self.parts().iter().any(|part| part.wire == Wire::Base64)
    }

    /// Returns whether its value is a scalar.
    pub fn is_scalar(&self) -> bool {
        matches!(self.form, Form::Scalar)
    }
}
