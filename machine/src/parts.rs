//! `Parts`: the value of a config key, taken apart into options in normal form. Does no I/O.
//!
//! PVE lets one option stand without its name, takes flags in many spellings and re-orders what it
//! stores; so parts are compared, never texts (facts 10).

use crate::row::{Form, Key};

/// The options of a value. A scalar's only part has an empty name. Options that the table does not
/// know stay as they are: a later PVE has written them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts(Vec<(String, String)>);

impl Parts {
    /// Reads PVE's text of a key.
    pub fn read(key: &'static Key, text: &str) -> Self {
        let mut parts = Self::default();
        match key.form {
            Form::Scalar => parts.add(key, "", text),
            Form::Options { default, .. } => parts.read_options(key, default, text),
            Form::Drive(_) => parts.read_options(key, "file", text),
            Form::Nic(_) => parts.read_nic(key, text),
        }
        parts
    }

    fn read_options(&mut self, key: &'static Key, default: &str, text: &str) {
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((default, option));
            self.add(key, name.trim(), value);
        }
    }

    /// `virtio=MAC`, `virtio`, or `model=virtio,macaddr=MAC`.
    fn read_nic(&mut self, key: &'static Key, text: &str) {
        for option in text.split(',').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                None => self.add(key, "model", option),
                Some((name, value)) if key.part(name).is_none() && is_mac(value) => {
                    self.add(key, "model", name);
                    self.add(key, "macaddr", value);
                }
                Some((name, value)) => self.add(key, name.trim(), value),
            }
        }
    }

    fn add(&mut self, key: &'static Key, name: &str, value: &str) {
        let part = key.part(name);
        let value = part.and_then(|part| part.kind.normal(value)).unwrap_or_else(|| value.into());
        self.set(part.map_or(name, |part| part.name_in(key)), value);
    }

    /// The value of an option.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Sets an option: in its place when it is there, else at the end.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some(pair) => pair.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Takes an option away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// The options in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes PVE's text: the options in the table's order, what the table does not know last.
    pub fn write(&self, key: &'static Key) -> String {
        let (default, bare) = match key.form {
            Form::Scalar => return self.get("").unwrap_or_default().to_owned(),
            Form::Options { default, bare, .. } => (default, bare),
            Form::Nic(_) => ("model", true),
            Form::Drive(_) => ("file", true),
        };
        let place = |name: &str| key.parts().iter().position(|part| part.name == name);
        let mut sorted: Vec<(&str, &str)> = self.iter().collect();
        sorted.sort_by_key(|(name, _)| (*name != default, place(name).unwrap_or(usize::MAX)));
        let nic = matches!(key.form, Form::Nic(_));
        let mac = self.get("macaddr").filter(|_| nic);
        let print = |(name, value): (&str, &str)| match (name, mac) {
            ("macaddr", Some(_)) if self.get("model").is_some() => None,
            ("model", Some(mac)) => Some(format!("{value}={mac}")),
            _ if name == default && bare => Some(value.to_owned()),
            _ => Some(format!("{name}={value}")),
        };
        sorted.into_iter().filter_map(print).collect::<Vec<_>>().join(",")
    }
}

fn is_mac(text: &str) -> bool {
    text.split(':').count() == 6
}

#[cfg(test)]
mod tests {
    use super::Parts;
    use crate::ConfigKey;

    fn check(name: &str, text: &str, written: &str) {
        let key = ConfigKey::find(name).unwrap().key;
        assert_eq!(Parts::read(key, text).write(key), written, "{name}: {text}");
    }

    #[test]
    fn what_is_read_is_written_in_one_spelling() {
        check("cores", "4", "4");
        check(
            "net0",
            "virtio=bc:24:11:00:00:01,bridge=vmbr0",
            "virtio=BC:24:11:00:00:01,bridge=vmbr0",
        );
        check("net0", "bridge=vmbr0,model=e1000,tag=5", "e1000,bridge=vmbr0,tag=5");
        check("net0", "model=virtio,macaddr=bc:24:11:00:00:01", "virtio=BC:24:11:00:00:01");
        check("net0", "virtio,bridge=vmbr0,later=7", "virtio,bridge=vmbr0,later=7");
        check(
            "virtio0",
            "size=1024M,file=local-lvm:vm-100-disk-0,iothread=yes",
            "local-lvm:vm-100-disk-0,size=1G,iothread=1",
        );
        check("cpu", "host,flags=+aes", "host,flags=+aes");
        check("agent", "enabled=1,type=isa", "1,type=isa");
        check("startup", "up=030,3", "order=3,up=30");
        check("memory", "current=2048", "2048");
    }
}
