//! What of a file's lines may be shown, by its table. Does no I/O.

use super::{
    ENV, HOST, MANIFEST, NODE, POSTURE, PRESET, SECRETS, SITE, SPEC, Shape, TEMPLATE, Type,
};
use stage::shown::{Exposure, Outline};

/// A place in a table, as [`stage::shown::Masked`] asks for it.
#[derive(Clone, Copy)]
pub(crate) struct Showing {
    ty: Type,
    exposure: Exposure,
}

impl Showing {
    /// A whole file.
    pub(crate) fn file(shape: &'static Shape) -> Self {
        Self { ty: Type::Object(shape), exposure: Exposure::Open }
    }

    fn with(self, ty: Type) -> Self {
        Self { ty, ..self }
    }
}

impl Outline for Showing {
    fn is_mapping(self) -> bool {
        let is_mapping = matches!(self.ty, Type::Object(_) | Type::Named(_));
        is_mapping && self.exposure != Exposure::Hidden
    }

    fn entry(self, key: &str) -> Option<Self> {
        match self.ty {
            Type::Object(shape) => {
                let field = shape.field(key)?;
                Some(Self { ty: field.ty, exposure: self.exposure.max(field.shown) })
            }
            Type::Named(item) => Some(self.with(*item)),
            _ => None,
        }
    }

    fn item(self) -> Option<Self> {
        match self.ty {
            Type::List(item) | Type::Filled(item) => Some(self.with(*item)),
            Type::Either(one, other) => self.with(*one).item().or_else(|| self.with(*other).item()),
            _ => None,
        }
    }

    fn exposure(self) -> Exposure {
        match self.ty {
            Type::Text(_) | Type::Number(..) | Type::Flag => self.exposure,
            // One text where a list of texts belongs.
            Type::List(item) | Type::Filled(item) | Type::Either(item, _) => {
                self.with(*item).exposure()
            }
            Type::Object(_) | Type::Named(_) | Type::Any => Exposure::Hidden,
        }
    }
}

/// The table of a file by its path in the site; `None` for a file that has none.
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
        "hosts" => Some(&HOST),
        "manifests" => Some(&MANIFEST),
        "nodes" => Some(&NODE),
        "postures" | "v2/postures" => Some(&POSTURE),
        "presets" | "vms/presets" => Some(&PRESET),
        "specs" => Some(&SPEC),
        "vms" => Some(&TEMPLATE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::KINDS;

    /// Fields that sound like secrets and are none.
    const PUBLIC: [&str; 5] = [
        "ssh_keys",
        "authorized_keys",
        "pubkey_authentication",
        "password_authentication",
        "ssh_password_authentication",
    ];

    fn collect(shape: &Shape, outer: Exposure, open: &mut Vec<&'static str>) {
        for field in shape.fields {
            let exposure = outer.max(field.shown);
            let sounds = ["token", "password", "secret", "key", "passphrase", "credential"];
            let is_open = exposure != Exposure::Hidden && !matches!(field.ty, Type::Any);
            if is_open && sounds.iter().any(|word| field.name.contains(word)) {
                open.push(field.name);
            }
            let (Type::Object(shape)
            | Type::List(Type::Object(shape))
            | Type::Filled(Type::Object(shape))
            | Type::Named(Type::Object(shape))) = &field.ty
            else {
                continue;
            };
            collect(shape, exposure, open);
        }
    }

    #[test]
    fn what_sounds_like_a_secret_is_hidden_or_known_to_be_none() {
        let mut open = Vec::new();
        KINDS.iter().for_each(|(_, shape)| collect(shape, Exposure::Open, &mut open));
        open.retain(|name| !PUBLIC.contains(name));
        assert_eq!(open, [""; 0], "add `.hidden()` to the row, or the name here");
    }
}
