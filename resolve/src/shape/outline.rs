//! Which parts of a file may be shown, according to its table. Does no I/O.

use super::{
    ENV, KeyMatch, MANIFEST, NETWORK, NODE, Opt, POSTURE, PRESET, SECRETS, SITE, SPEC, Shape,
    TEMPLATE, TOKENS, Type,
};
use machine::ConfigKey;
use stage::shown::{Exposure, Outline};

/// A place in a table, for [`stage::shown::Masked`].
#[derive(Clone, Copy)]
pub(crate) struct ShapeOutline {
    place: Place,
    exposure: Exposure,
}

#[derive(Clone, Copy)]
enum Place {
    Type(Type),
    Row(ConfigKey),
    Part(machine::Kind),
}

impl ShapeOutline {
    /// Returns the outline of a whole file.
    pub(crate) fn file(shape: &'static Shape) -> Self {
        Self { place: Place::Type(Type::Object(shape)), exposure: Exposure::Open }
    }

    fn with(self, ty: Type) -> Self {
        Self { place: Place::Type(ty), ..self }
    }

    fn option(self, option: Opt) -> Self {
        match option {
            Opt::Part(part) => Self { place: Place::Part(part.kind), ..self },
            Opt::Field(field) => self.with(field.ty),
        }
    }
}

impl Outline for ShapeOutline {
    fn is_mapping(self) -> bool {
        let is_mapping = match self.place {
            Place::Type(ty) => matches!(ty, Type::Object(_) | Type::Named(_) | Type::Keyed(..)),
            Place::Row(key) => !key.key.is_scalar(),
            Place::Part(_) => false,
        };
        is_mapping && self.exposure != Exposure::Hidden
    }

    fn entry(self, key: &str) -> Option<Self> {
        match self.place {
            Place::Type(Type::Object(shape)) => match shape.find(key)? {
                KeyMatch::Field(field) => {
                    let exposure = self.exposure.max(field.shown);
                    Some(Self { place: Place::Type(field.ty), exposure })
                }
                KeyMatch::Row(key) => Some(Self { place: Place::Row(key), ..self }),
                KeyMatch::Option(row) => Some(Self { place: Place::Part(row.part.kind), ..self }),
            },
            Place::Type(Type::Named(item) | Type::Keyed(_, item)) => Some(self.with(*item)),
            Place::Row(row) if !row.key.is_scalar() => Some(self.option(Opt::find(row.key, key)?)),
            _ => None,
        }
    }

    fn item(self) -> Option<Self> {
        use machine::Kind::{List, Set};
        match self.place {
            Place::Type(Type::List(item) | Type::Filled(item)) => Some(self.with(*item)),
            Place::Type(Type::Either(one, other)) => {
                self.with(*one).item().or_else(|| self.with(*other).item())
            }
            Place::Type(Type::Or(_, other)) => self.with(*other).item(),
            Place::Type(Type::Short(slot, option)) => {
                self.option(Opt::find(ConfigKey::find(slot)?.key, option)?).item()
            }
            Place::Part(List(..) | Set(..)) => Some(self),
            Place::Row(row) if matches!(row.key.part.kind, List(..) | Set(..)) => Some(self),
            _ => None,
        }
    }

    fn exposure(self) -> Exposure {
        match self.place {
            // A single text instead of a list of texts.
            Place::Type(Type::List(item) | Type::Filled(item) | Type::Either(item, _)) => {
                self.with(*item).exposure()
            }
            Place::Type(Type::Or(_, other)) => self.with(*other).exposure(),
            Place::Type(Type::Object(_) | Type::Named(_) | Type::Keyed(..) | Type::Any) => {
                Exposure::Hidden
            }
            // PVE's text, instead of a mapping.
            Place::Type(_) | Place::Row(_) | Place::Part(_) => self.exposure,
        }
    }
}

/// Returns the table of a file by its path in the site; `None` if it has none.
pub(crate) fn of_path(path: &str) -> Option<&'static Shape> {
    let Some((folder, _)) = path.rsplit_once('/') else {
        return match path {
            "site.yaml" => Some(&SITE),
            "secrets.yaml" => Some(&SECRETS),
            _ => None,
        };
    };
    match folder {
        "envs" => Some(&ENV),
        "manifests" => Some(&MANIFEST),
        "networks" => Some(&NETWORK),
        "nodes" => Some(&NODE),
        "postures" | "v2/postures" => Some(&POSTURE),
        "presets" | "vms/presets" | "v2/presets" => Some(&PRESET),
        "secrets.d" => Some(&TOKENS),
        "specs" | "v2/specs" => Some(&SPEC),
        "vms" => Some(&TEMPLATE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::KINDS;

    /// Fields that sound like secrets but are not.
    const PUBLIC: [&str; 5] = [
        "ssh_keys",
        "authorized_keys",
        "pubkey_authentication",
        "password_authentication",
        "ssh_password_authentication",
    ];

    fn collect(shape: &Shape, outer: Exposure, open: &mut Vec<&'static str>) {
        for field in shape.all() {
            let exposure = outer.max(field.shown);
            let sounds = ["token", "password", "secret", "key", "passphrase", "credential"];
            let is_open = exposure != Exposure::Hidden && !matches!(field.ty, Type::Any);
            if is_open && sounds.iter().any(|word| field.name.contains(word)) {
                open.push(field.name);
            }
            let (Type::Object(shape)
            | Type::List(Type::Object(shape))
            | Type::Filled(Type::Object(shape))
            | Type::Named(Type::Object(shape))
            | Type::Keyed(_, Type::Object(shape))) = &field.ty
            else {
                continue;
            };
            collect(shape, exposure, open);
        }
    }

    #[test]
    fn fields_that_sound_like_secrets_are_hidden_or_listed() {
        let mut open = Vec::new();
        KINDS.iter().for_each(|(_, shape)| collect(shape, Exposure::Open, &mut open));
        open.retain(|name| !PUBLIC.contains(name));
        assert_eq!(open, [""; 0], "add `.hidden()` to the row, or the name here");
    }
}
