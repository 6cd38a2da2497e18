//! Property strings such as `virtio,bridge=vmbr0`: parsed with a schema, printed in order.
//! A pure module: does no I/O.
// PVE: pve-common, JSONSchema.pm, parse_property_string.

use std::collections::BTreeMap;

use super::schema::{self, Format, Property};

/// The keys of a property string, in their original order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties(Vec<(String, String)>);

impl Properties {
    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// Sets a key, in its place or at the end.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        match self.0.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((key.to_owned(), value.into())),
        }
    }

    /// Removes a key.
    pub(crate) fn remove(&mut self, key: &str) -> Option<String> {
        let at = self.0.iter().position(|(k, _)| k == key)?;
        Some(self.0.remove(at).1)
    }

    /// All keys and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Prints `first` without its key and the others sorted, as PVE does for drives.
    pub(crate) fn print(&self, first: &str) -> String {
        let mut rest: Vec<_> = self.iter().filter(|(key, _)| *key != first).collect();
        rest.sort_unstable();
        let mut parts: Vec<String> = self.get(first).map(str::to_owned).into_iter().collect();
        parts.extend(rest.iter().map(|(key, value)| format!("{key}={value}")));
        parts.join(",")
    }

    /// Parses without a schema: `default` is the key of a bare value.
    pub fn read(text: &str, default: &str) -> Self {
        let mut read = Self::default();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            match part.split_once('=') {
                Some((key, value)) => read.set(key, value),
                None => read.set(default, part),
            }
        }
        read
    }
}

/// Parses the value of a config key; `None` if PVE would refuse it.
pub(crate) fn of_config(key: &str, text: &str) -> Option<Properties> {
    let create = schema::by_template("POST", "/nodes/{node}/qemu")?;
    match &create.parameter(key)?.format {
        Some(Format::Keys(keys)) => parse(keys, text).ok(),
        Some(Format::Named(name)) => parse(schema::named(name)?, text).ok(),
        None => None,
    }
}

/// Parses with a schema; aliases become the key they refer to.
pub(crate) fn parse(keys: &BTreeMap<String, Property>, text: &str) -> Result<Properties, String> {
    let mut read = Properties::default();
    let mut bare = false;
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        match part.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                keyed(keys, &mut read, key, value)?;
            }
            Some(_) => return Err("missing key in comma-separated list property\n".to_owned()),
            None => {
                let default = keys
                    .iter()
                    .find(|(_, property)| property.default_key.is_set())
                    .map(|(key, _)| key)
                    .ok_or("value without key, but schema does not define a default key\n")?;
                if bare || read.get(default).is_some() {
                    return Err(format!(
                        "duplicate key in comma-separated list property: {default}\n"
                    ));
                }
                bare = true;
                read.set(default, boolean(&keys[default], part));
            }
        }
    }
    Ok(read)
}

fn keyed(
    keys: &BTreeMap<String, Property>,
    read: &mut Properties,
    key: &str,
    value: &str,
) -> Result<(), String> {
    if read.get(key).is_some() {
        return Err(format!("duplicate key in comma-separated list property: {key}\n"));
    }
    let mut name = key;
    // An unknown key passes here; `check_object` finds it, as in PVE.
    let Some(mut property) = keys.get(key) else {
        read.set(key, value);
        return Ok(());
    };
    if let Some(alias) = &property.alias {
        if let Some(key_alias) = &property.key_alias {
            if read.get(key_alias).is_some() {
                return Err(format!("key alias '{key_alias}' is already defined\n"));
            }
            read.set(key_alias, key);
        }
        if read.get(alias).is_some() {
            return Err(format!("key '{alias}' is already defined (via alias)\n"));
        }
        name = alias;
        property = keys.get(name).unwrap_or(property);
    }
    read.set(name, boolean(property, value));
    Ok(())
}

/// Parses a boolean: property strings allow more spellings (facts 10).
fn boolean(property: &Property, value: &str) -> String {
    if property.r#type.as_deref() != Some("boolean") {
        return value.to_owned();
    }
    match value.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => "1".to_owned(),
        "0" | "off" | "no" | "false" => "0".to_owned(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve_sim::schema::by_template;

    fn check(parameter: &str, text: &str, expected: Result<&str, &str>) {
        let create = by_template("POST", "/nodes/{node}/qemu").unwrap();
        let Some(Format::Keys(keys)) = &create.parameter(parameter).unwrap().format else {
            panic!("{parameter} is no property string");
        };
        let seen = parse(keys, text).map(|read| read.print(""));
        assert_eq!(seen.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn property_strings_are_read_as_pve_reads_them() {
        check(
            "net0",
            "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=yes",
            Ok("bridge=vmbr0,firewall=1,macaddr=BC:24:11:00:00:01,model=virtio"),
        );
        check("net0", "virtio,bridge=vmbr0", Ok("bridge=vmbr0,model=virtio"));
        check("net0", "virtio,colour=red", Ok("colour=red,model=virtio"));
        check(
            "virtio0",
            "local-lvm:0,import-from=local:import/a.qcow2,discard=on",
            Ok("discard=on,file=local-lvm:0,import-from=local:import/a.qcow2"),
        );
        check("virtio0", "a:1,b:2", Err("duplicate key in comma-separated list property: file\n"));
        check("agent", "1", Ok("enabled=1"));
        check("memory", "512", Ok("current=512"));
    }
}
