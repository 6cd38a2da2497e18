//! `Parts`: the value of a config key, split into options in normal form. Does no I/O.
//!
//! PVE accepts one option without its name and flags in many spellings, and reorders what it
//! stores; so the tools compare parts, never texts (facts 10).

use crate::number::parse_flag;
use crate::row::{Form, Key};
use crate::wire::Wire;

/// The options of a value. The only part of a scalar has an empty name. Unknown options, written by
/// a later PVE, are kept unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts(Vec<(String, String)>);

impl Parts {
    /// Parses PVE's text of a key.
    pub fn read(key: &'static Key, text: &str) -> Self {
        let mut parts = Self::default();
        for (name, value) in split(key, text) {
            let part = key.part(name);
            let value =
                part.and_then(|part| part.kind.normal(value)).unwrap_or_else(|| value.into());
            parts.set(part.map_or(name, |part| part.name_in(key)), value);
        }
        parts.decode(key);
        parts
    }

    /// Decodes texts from PVE's form and removes the flag `base64`, which only describes the form.
    fn decode(&mut self, key: &'static Key) {
        if key.parts().iter().all(|part| part.wire == Wire::Plain) {
            return;
        }
        let is_base64 = self.get("base64").and_then(parse_flag).unwrap_or_default();
        for (name, value) in &mut self.0 {
            if let Some(part) = key.part(name) {
                let text = part.wire.read(value, is_base64);
                *value = part.kind.normal(&text).unwrap_or(text);
            }
        }
        if key.has_base64() {
            self.remove("base64");
        }
    }

    /// Returns the value of an option.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Sets an option; a new one is added at the end.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some(pair) => pair.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Removes an option.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// Returns the options in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns whether there are no options.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns PVE's text: the options in the table's order, unknown ones last.
    pub fn write(&self, key: &'static Key) -> String {
        let (default, bare) = match key.form {
            Form::Scalar => return key.part.wire.write(self.get("").unwrap_or_default()),
            Form::Options { default, bare, .. } => (default, bare),
            Form::Nic(_) => ("model", true),
            Form::Drive(_) => ("file", true),
        };
        let place = |name: &str| key.parts().iter().position(|part| part.name == name);
        let mut sorted: Vec<(&str, &str)> = self.iter().collect();
        sorted.sort_by_key(|(name, _)| (*name != default, place(name).unwrap_or(usize::MAX)));
        let mac = self.mac_of_model(key);
        let wire = |name: &str| key.part(name).map_or(Wire::Plain, |part| part.wire);
        let print = |(name, value): (&str, &str)| match (name, mac) {
            ("macaddr", Some(_)) => None,
            ("model", Some(mac)) => Some(format!("{value}={mac}")),
            _ if name == default && bare && is_bare(value) => Some(value.to_owned()),
            _ => Some(format!("{name}={}", wire(name).write(value))),
        };
        let is_base64 = self.iter().any(|(name, _)| wire(name) == Wire::Base64);
        let flag = is_base64.then(|| "base64=1".to_owned());
        sorted.into_iter().filter_map(print).chain(flag).collect::<Vec<_>>().join(",")
    }

    /// Returns the MAC of a NIC that is written as `MODEL=MAC`: one that is read from it again.
    fn mac_of_model(&self, key: &'static Key) -> Option<&str> {
        let (model, mac) = (self.get("model")?, self.get("macaddr")?);
        let is_read = split(key, &format!("{model}={mac}")) == [("model", model), ("macaddr", mac)];
        is_read.then_some(mac)
    }

    /// Returns whether this is a CD drive.
    pub fn is_cd(&self) -> bool {
        // PVE: qemu-server, QemuServer.pm, cleanup_drive_path: an empty drive is a CD drive.
        self.get("media") == Some("cdrom")
            || matches!(self.get("file"), Some("none" | "cdrom"))
            || self.is_cloud_init()
    }

    /// Returns whether this is the cloud-init drive.
    pub fn is_cloud_init(&self) -> bool {
        // PVE: qemu-server, Drive.pm, drive_is_cloudinit.
        let is_named = |volume: &str| {
            let name = volume.rsplit('/').next().unwrap_or(volume);
            let stem = name.split('.').next().unwrap_or(name);
            let vmid = stem.strip_prefix("vm-").and_then(|rest| rest.strip_suffix("-cloudinit"));
            stem == "cloudinit" || vmid.is_some_and(|vmid| vmid.parse::<u32>().is_ok())
        };
        let volume = self.get("file").and_then(|file| file.split_once(':'));
        volume.is_some_and(|(_, volume)| is_named(volume))
    }
}

/// Splits PVE's text of a key into names and values as written, including duplicates. The only part
/// of a scalar has an empty name.
pub fn split<'t>(key: &'static Key, text: &'t str) -> Vec<(&'t str, &'t str)> {
    let options = text.split(',').filter(|option| !option.is_empty());
    let named = |default: &'static str| {
        move |option: &'t str| {
            let (name, value) = option.split_once('=').unwrap_or((default, option));
            (name.trim(), value)
        }
    };
    match key.form {
        Form::Scalar => vec![("", text)],
        Form::Options { default, .. } => options.map(named(default)).collect(),
        Form::Drive(_) => options.map(named("file")).collect(),
        // `virtio=MAC`, `virtio`, or `model=virtio,macaddr=MAC`.
        Form::Nic(_) => {
            let pairs = options.map(named("model"));
            let of_model = |(name, value): (&'t str, &'t str)| match key.part(name) {
                None if is_mac(value) => vec![("model", name), ("macaddr", value)],
                _ => vec![(name, value)],
            };
            pairs.flat_map(of_model).collect()
        }
    }
}

/// Returns whether a value is read as that of the default option if it is written without a name. An `=`, such as in
/// the name of an ISO image, would make it another option.
fn is_bare(value: &str) -> bool {
    !value.is_empty() && !value.contains('=')
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
    fn values_are_written_in_one_spelling() {
        check("cores", "4", "4");
        check(
            "net0",
            "virtio=bc:24:11:00:00:01,bridge=vmbr0",
            "virtio=BC:24:11:00:00:01,bridge=vmbr0",
        );
        check("net0", "bridge=vmbr0,model=e1000,tag=5", "e1000,bridge=vmbr0,tag=5");
        check("net0", "model=virtio,macaddr=bc:24:11:00:00:01", "virtio=BC:24:11:00:00:01");
        check("net0", "virtio,bridge=vmbr0,later=7", "virtio,bridge=vmbr0,later=7");
        check("net0", "model=virtio,mac=5", "virtio,macaddr=5");
        check("net0", "model=tag,mac=BC:24:11:00:00:01", "tag,macaddr=BC:24:11:00:00:01");
        check("ide2", "media=cdrom,file=", "file=,media=cdrom");
        check(
            "virtio0",
            "size=1024M,file=local-lvm:vm-100-disk-0,iothread=yes",
            "local-lvm:vm-100-disk-0,size=1G,iothread=1",
        );
        check("ide2", "media=cdrom,file=local:iso/a=b.iso", "file=local:iso/a=b.iso,media=cdrom");
        check("cpu", "host,flags=+aes", "host,flags=+aes");
        check("agent", "enabled=1,type=isa", "1,type=isa");
        check("startup", "up=030,3", "order=3,up=30");
        check("memory", "current=2048", "2048");
        check("agent", "freeze-fs=0,enabled=yes", "1,freeze-fs-on-backup=0");
        check("boot", "order=net0 scsi0", "order=net0;scsi0");
        check("usb0", "spice", "host=spice");
        check("hostpci0", "0000:01:00.0,pcie=on", "host=0000:01:00.0,pcie=1");
        check(
            "efidisk0",
            "tank:vm-1-disk-0,size=528K,efitype=4m",
            "tank:vm-1-disk-0,efitype=4m,size=528K",
        );
        check("numa", "on", "1");
        check("numa1", "cpus=4-7;2", "cpus=2;4-7");
    }

    const KEY: &str =
        "ssh-ed25519%20AAAAC3NzaC1lZDI1NTE5AAAAIJ7xZ0mJt5m1mSxg0aTq0oJq2rL9rN3w5yQe6uX8bVcD";

    #[test]
    fn texts_are_decoded() {
        let read = |name: &str, text: &str, option: &str| {
            let parts = Parts::read(ConfigKey::find(name).unwrap().key, text);
            parts.get(option).map(str::to_owned)
        };
        let plain = |text: &str| Some(text.to_owned());
        assert_eq!(
            read("smbios1", "base64=1,product=QUNNRSwgSW5jLg==", "product"),
            plain("ACME, Inc.")
        );
        assert_eq!(read("smbios1", "base64=1,uuid=a-b", "base64"), None);
        assert_eq!(read("smbios1", "product=QUNN", "product"), plain("QUNN"));
        assert_eq!(read("scsi0", "a:b,serial=x%20y", "serial"), plain("x y"));
        assert_eq!(
            read("sshkeys", &format!("{KEY}%20a%0A%0A{KEY}%20b%0A"), ""),
            Some(format!("{KEY} a\n{KEY} b").replace("%20", " "))
        );
        check("smbios1", "serial=c 1,uuid=a-b", "serial=YyAx,uuid=a-b,base64=1");
        check("smbios1", "base64=1,serial=YyAx,uuid=a-b", "serial=YyAx,uuid=a-b,base64=1");
        check("smbios1", "uuid=a-b", "uuid=a-b");
        check("scsi0", "a:b,serial=x%20y", "a:b,serial=x%20y");
        check("sshkeys", &format!("{KEY}%0A"), KEY);
    }

    #[test]
    fn cd_drives_are_recognized() {
        for (text, is_cd, is_cloud_init) in [
            ("none", true, false),
            ("cdrom", true, false),
            ("local:iso/a.iso,media=cdrom", true, false),
            ("tank:cloudinit", true, true),
            ("tank:100/vm-100-cloudinit.qcow2", true, true),
            ("tank:vm-100-disk-0", false, false),
            ("tank:vm-x-cloudinit", false, false),
            ("tank:vm-100-disk-cloudinit", false, false),
            ("storage=tank", false, false),
        ] {
            let parts = Parts::read(ConfigKey::find("scsi1").unwrap().key, text);
            assert_eq!((parts.is_cd(), parts.is_cloud_init()), (is_cd, is_cloud_init), "{text}");
        }
    }
}
