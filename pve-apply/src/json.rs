//! JSON on stdout; PVE's names in the plan's JSON: as text, a vmid as a number. Does no I/O.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Display;
use std::str::FromStr;

/// Returns a value as indented JSON that ends its last line.
pub(crate) fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// A name as text; an invalid name is refused when a plan is read.
pub(crate) mod name {
    use super::{Deserialize, Deserializer, Display, FromStr, Serializer};
    use serde::de::Error as _;

    pub(crate) fn serialize<T: Display, S: Serializer>(name: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(name)
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// A name as text, or null.
pub(crate) mod name_or_null {
    use super::{Deserialize, Deserializer, Display, FromStr, Serialize, Serializer};
    use serde::de::Error as _;

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<T: Display, S: Serializer>(
        name: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        name.as_ref().map(ToString::to_string).serialize(to)
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let name = Option::<String>::deserialize(from)?;
        name.map(|name| name.parse().map_err(D::Error::custom)).transpose()
    }
}

/// Names as a list of texts.
pub(crate) mod names {
    use super::{Deserialize, Deserializer, Display, FromStr, Serializer};
    use serde::de::Error as _;

    pub(crate) fn serialize<T: Display, S: Serializer>(
        list: &[T],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(ToString::to_string))
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let list = Vec::<String>::deserialize(from)?;
        list.iter().map(|name| name.parse().map_err(D::Error::custom)).collect()
    }
}

/// A vmid as a number.
pub(crate) mod vmid {
    use super::{Deserialize, Deserializer, Serializer};
    use pve_client::Vmid;
    use serde::de::Error as _;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(vmid: &Vmid, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(vmid.get())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vmid, D::Error> {
        Vmid::new(u64::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A vmid as a number, or null when PVE chooses.
pub(crate) mod vmid_or_null {
    use super::{Deserialize, Deserializer, Serializer};
    use pve_client::Vmid;
    use serde::de::Error as _;

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(vmid: &Option<Vmid>, to: S) -> Result<S::Ok, S::Error> {
        match vmid {
            Some(vmid) => to.serialize_u32(vmid.get()),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Vmid>, D::Error> {
        let number = Option::<u64>::deserialize(from)?;
        number.map(Vmid::new).transpose().map_err(D::Error::custom)
    }
}

/// A secret as plain text: a plan is as secret as the document.
pub(crate) mod secret {
    use super::{Deserialize, Deserializer, Serializer};
    use stage::Secret;

    pub(crate) fn serialize<S: Serializer>(
        secret: &Secret<String>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Secret<String>, D::Error> {
        String::deserialize(from).map(Secret::new)
    }

    pub(crate) fn is_empty(secret: &Secret<String>) -> bool {
        secret.expose().is_empty()
    }
}
