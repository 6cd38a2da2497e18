//! Checks a request's parameters against PVE's schema.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-common, JSONSchema.pm, check_object and check_prop.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::answer::Refusal;
use super::cpu;
use super::formats;
use super::keys::{self, Key, Release};
use super::property::{self, Properties};
use super::schema::{self, Endpoint, Format, Property};
use super::since;

const UNKNOWN: &str = "property is not defined in schema \
                       and the schema does not allow additional properties";

/// A request's parameters as text; a repeated one has its values joined by NUL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params(pub(crate) BTreeMap<String, String>);

impl Params {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the text of a parameter [default: empty].
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("1")
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Returns a list, split as PVE does: at comma, semicolon, space or NUL.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        self.text(name).split([',', ';', ' ', '\0']).filter(|word| !word.is_empty()).collect()
    }
}

/// Checks all parameters; the refusal lists every wrong one.
pub(crate) fn verify(
    endpoint: &Endpoint,
    params: &Params,
    release: Release,
) -> Result<(), Refusal> {
    let mut errors = BTreeMap::new();
    for (name, property) in &endpoint.parameters {
        if !property.optional.is_set() && !name.contains("[n]") && params.get(name).is_none() {
            errors.insert(name.clone(), "property is missing and it is not optional".to_owned());
        }
    }
    for (name, value) in &params.0 {
        let row = keys::find(name).filter(|_| endpoint.path.starts_with("/nodes/{node}/qemu"));
        if since::takes_anything(endpoint, release) {
            continue;
        }
        let since = row.map_or_else(|| since::parameter(&endpoint.path, name), |row| row.since);
        let there = endpoint.parameter(name).filter(|_| keys::reached(since, release));
        let Some(property) = there else {
            errors.insert(name.clone(), UNKNOWN.to_owned());
            continue;
        };
        if let Some(text) = row.and_then(|row| later_option(row, name, value, release)) {
            errors.insert(name.clone(), text);
            continue;
        }
        let earlier = since::check(&endpoint.path, name, value, release);
        let checked = match earlier {
            Some(checked) => checked.map_err(|text| (name.clone(), text)),
            None => value_of(name, property, value),
        };
        if let Err((at, text)) = checked.and_then(|()| processor(name, property, value, release)) {
            errors.insert(at, text);
        }
        if let Some(required) = &property.requires
            && params.get(required).is_none()
        {
            errors.insert(required.clone(), format!("missing property required by '{name}'"));
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    let errors = errors.into_iter().map(|(name, text)| (name, Value::String(text)));
    Err(Refusal::parameters(Map::from_iter(errors)))
}

fn processor(
    name: &str,
    property: &Property,
    value: &str,
    release: Release,
) -> Result<(), (String, String)> {
    match &property.format {
        Some(Format::Named(format)) if format == "pve-vm-cpu-conf" => {
            let checked = schema::named(format).map_or(Ok(()), |k| cpu::check(k, value, release));
            checked.map_err(|text| (name.to_owned(), format!("invalid format - {text}")))
        }
        _ => Ok(()),
    }
}

/// Returns the error for an option that only a later release has.
fn later_option(row: &Key, name: &str, value: &str, release: Release) -> Option<String> {
    // By its written name: an alias has its own release.
    let read = Properties::read(value, "");
    let later = row
        .options
        .iter()
        .find(|o| !keys::reached(o.since, release) && read.get(o.name).is_some())?;
    Some(format!("invalid format - format error\n{name}.{}: {UNKNOWN}\n", later.name))
}

fn value_of(name: &str, property: &Property, value: &str) -> Result<(), (String, String)> {
    let fail = |text: String| Err((name.to_owned(), text));
    let kind = property.r#type.as_deref().unwrap_or("string");
    if kind != "array" && value.contains('\0') {
        return fail(format!("type check ('{kind}') failed - got ARRAY"));
    }
    let typed = match kind {
        "boolean" => value == "1" || value == "0",
        "integer" => formats::full(r"[+-]?\d+", value),
        "number" => formats::full(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value),
        _ => true,
    };
    if !typed {
        return fail(format!("type check ('{kind}') failed - got '{value}'"));
    }
    if kind == "array" {
        return formats::items(name, value);
    }
    match &property.format {
        Some(Format::Named(format)) => match schema::named(format) {
            Some(keys) => keys_of(name, keys, value),
            None => named(format, value),
        },
        Some(Format::Keys(keys)) => keys_of(name, keys, value),
        None => Ok(()),
    }
    .or_else(|text| fail(format!("invalid format - {text}")))?;
    bounds(property, value).or_else(fail)
}

/// Checks a named format; `-opt` formats accept an empty value.
fn named(format: &str, value: &str) -> Result<(), String> {
    match format.strip_suffix("-opt") {
        Some(_) if value.is_empty() => Ok(()),
        Some(format) => formats::verify(format, value),
        None => formats::verify(format, value),
    }
}

fn keys_of(name: &str, keys: &BTreeMap<String, Property>, text: &str) -> Result<(), String> {
    let read = property::parse(keys, text)?;
    let mut errors = Vec::new();
    for (key, property) in keys {
        if property.alias.is_none() && !property.optional.is_set() && read.get(key).is_none() {
            errors.push((
                format!("{name}.{key}"),
                "property is missing and it is not optional".to_owned(),
            ));
        }
    }
    for (key, value) in read.iter() {
        let at = format!("{name}.{key}");
        let Some(property) = keys.get(key) else {
            errors.push((at, UNKNOWN.to_owned()));
            continue;
        };
        if let Err(error) = value_of(&at, property, value) {
            errors.push(error);
        }
        if let Some(required) = &property.requires
            && read.get(required).is_none()
        {
            let text = format!("missing property required by '{at}'");
            errors.push((format!("{name}.{required}"), text));
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    let lines: String = errors.iter().map(|(at, text)| format!("{at}: {text}\n")).collect();
    Err(format!("format error\n{lines}"))
}

fn bounds(property: &Property, value: &str) -> Result<(), String> {
    if let Some(pattern) = &property.pattern
        && !formats::full(pattern, value)
    {
        return Err("value does not match the regex pattern".to_owned());
    }
    let length = value.chars().count();
    if let Some(most) = property.max_length.as_ref().and_then(as_number)
        && length as f64 > most
    {
        return Err(format!("value may only be {most} characters long"));
    }
    if let Some(least) = property.min_length.as_ref().and_then(as_number)
        && (length as f64) < least
    {
        return Err(format!("value must be at least {least} characters long"));
    }
    if let Ok(number) = value.parse::<f64>() {
        if let Some(most) = property.maximum.as_ref().and_then(as_number)
            && number > most
        {
            return Err(format!("value must have a maximum value of {most}"));
        }
        if let Some(least) = property.minimum.as_ref().and_then(as_number)
            && number < least
        {
            return Err(format!("value must have a minimum value of {least}"));
        }
    }
    let Some(known) = &property.r#enum else {
        return Ok(());
    };
    let words: Vec<String> = known.iter().map(text_of).collect();
    if words.iter().any(|word| word == value) {
        return Ok(());
    }
    let all = words.join(", ");
    Err(format!("value '{value}' does not have a value in the enumeration '{all}'"))
}

fn as_number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve_sim::schema::by_template;

    /// Checks one parameter of `POST /nodes/{node}/qemu`.
    fn check(name: &str, value: &str, expected: Option<&str>) {
        let endpoint = by_template("POST", "/nodes/{node}/qemu").unwrap();
        let pairs = [("node", "pve1"), ("vmid", "100"), (name, value)];
        let params = Params(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        let seen = verify(endpoint, &params, (9, 2)).err().map(|refusal| {
            let errors = refusal.errors.iter();
            errors
                .map(|(at, text)| format!("{at}: {}", text.as_str().unwrap().trim_end()))
                .collect::<Vec<_>>()
                .join("; ")
        });
        assert_eq!(seen.as_deref(), expected, "{name}={value}");
    }

    #[test]
    fn parameters_are_checked_against_the_schema() {
        check("cores", "2", None);
        check("cores", "two", Some("cores: type check ('integer') failed - got 'two'"));
        check("cores", "0", Some("cores: value must have a minimum value of 1"));
        check(
            "colour",
            "red",
            Some(
                "colour: property is not defined in schema and the schema does not allow additional properties",
            ),
        );
        check("onboot", "true", Some("onboot: type check ('boolean') failed - got 'true'"));
        check("onboot", "", Some("onboot: type check ('boolean') failed - got ''"));
        check("vmid", "99", Some("vmid: invalid format - value does not look like a valid VM ID"));
    }

    #[test]
    fn property_strings_are_checked_key_by_key() {
        check(
            "name",
            "web_1",
            Some("name: invalid format - value does not look like a valid DNS name"),
        );
        check(
            "memory",
            "8",
            Some(
                "memory: invalid format - format error\nmemory.current: value must have a minimum value of 16",
            ),
        );
        check(
            "net0",
            "virtio,bridge=vmbr0,tag=5000",
            Some(
                "net0: invalid format - format error\nnet0.tag: value must have a maximum value of 4094",
            ),
        );
        check(
            "net0",
            "bridge=vmbr0",
            Some(
                "net0: invalid format - format error\nnet0.model: property is missing and it is not optional",
            ),
        );
        check("agent", "enabled=yes", None);
        check(
            "virtio0",
            "local-lvm:0,import-from=local:import/a.qcow2,discard=on,iothread=1",
            None,
        );
        check(
            "virtio0",
            "local-lvm:0,ssd=1",
            Some(
                "virtio0: invalid format - format error\nvirtio0.ssd: property is not defined in schema and the schema does not allow additional properties",
            ),
        );
        check(
            "virtio16",
            "local-lvm:8",
            Some(
                "virtio16: property is not defined in schema and the schema does not allow additional properties",
            ),
        );
        check("force", "1", Some("archive: missing property required by 'force'"));
        check(
            "ostype",
            "linux",
            Some(
                "ostype: value 'linux' does not have a value in the enumeration 'other, wxp, w2k, w2k3, w2k8, wvista, win7, win8, win10, win11, l24, l26, solaris'",
            ),
        );
    }

    #[test]
    fn named_formats_are_checked_key_by_key() {
        check("ipconfig0", "ip=10.0.0.5/24,gw=10.0.0.1,ip6=auto", None);
        check(
            "ipconfig0",
            "ip=10.0.0.5",
            Some(
                "ipconfig0: invalid format - format error\nipconfig0.ip: invalid format - value does not look like a valid ipv4 network configuration",
            ),
        );
        check(
            "ipconfig0",
            "gw=10.0.0.1",
            Some(
                "ipconfig0: invalid format - format error\nipconfig0.ip: missing property required by 'ipconfig0.gw'",
            ),
        );
        check("boot", "order=virtio0;ide2;net0", None);
        check("boot", "cdn", None);
        check(
            "boot",
            "virtio0",
            Some(
                "boot: invalid format - format error\nboot.legacy: value does not match the regex pattern",
            ),
        );
        check(
            "boot",
            "order=",
            Some("boot: invalid format - missing key in comma-separated list property"),
        );
    }

    #[test]
    fn a_device_is_checked_key_by_key() {
        check("hostpci0", "mapping=gpu,pcie=1", None);
        check(
            "hostpci0",
            "mapping=gpu,colour=1",
            Some(
                "hostpci0: invalid format - format error\nhostpci0.colour: property is not defined in schema and the schema does not allow additional properties",
            ),
        );
        check("cpu", "host,flags=+aes;-pcid", None);
        check(
            "cpu",
            "i486",
            Some(
                "cpu: invalid format - Built-in cputype 'i486' is not defined (missing 'custom-' prefix?)",
            ),
        );
    }
}
