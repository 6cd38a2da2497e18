//! The named formats of PVE's parameter schemas.
//! A pure module: does no I/O.
// PVE: pve-common, JSONSchema.pm; qemu-server, QemuServer.pm and QemuServer/*.pm.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::{Mutex, OnceLock, PoisonError};

use regex::Regex;

use super::schema::{self, numbered};

/// Checks a value against a named format; the error is PVE's text with its newline.
/// Unlisted formats accept anything in the simulator.
pub(crate) fn verify(format: &str, value: &str) -> Result<(), String> {
    if let Some(item) = format.strip_suffix("-list") {
        return value
            .split([',', ';', ' ', '\0'])
            .filter(|word| !word.is_empty())
            .try_for_each(|word| verify(item, word));
    }
    let (holds, text) = judge(format, value);
    if holds { Ok(()) } else { Err(format!("{text}\n")) }
}

fn judge(format: &str, value: &str) -> (bool, String) {
    let like = |what: &str| format!("value does not look like a valid {what}");
    match format {
        "pve-vmid" => (full(r"[1-9][0-9]{2,8}", value), like("VM ID")),
        "pve-node" => (full(r"[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?", value), like("node name")),
        "dns-name" => (
            full(
                r"([a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?",
                value,
            ),
            like("DNS name"),
        ),
        "pve-storage-id" => identifier("storage", value),
        "pve-configid" => {
            (full(r"(?i)[a-z][a-z0-9_-]+", value), format!("invalid configuration ID '{value}'"))
        }
        "pve-bridge-id" => (full(r"[-_.\w\d]+", value), format!("invalid bridge ID '{value}'")),
        "pve-poolid" => (
            full(r"[A-Za-z0-9\.\-_]+(/[A-Za-z0-9\.\-_]+){0,2}", value),
            format!("pool name '{value}' contains invalid characters"),
        ),
        "pve-tag" => {
            (full(r"(?i)[a-z0-9_][a-z0-9_\-\+\.]*", value), "invalid characters in tag".to_owned())
        }
        "mac-addr" => (unicast_mac(value), like("unicast MAC address")),
        "urlencoded" => {
            (full(r"[-%a-zA-Z0-9_.!~*'()]*", value), format!("invalid urlencoded string: {value}"))
        }
        "disk-size" => {
            (full(r"\d+(\.\d+)?[KMGT]?", value), format!("{}: {value}", like("disk size")))
        }
        "pve-startup-order" => (
            full(r"(order=)?\d+(,(up|down)=\d+)*|((up|down)=\d+)(,(up|down)=\d+)*", value),
            "unable to parse startup options".to_owned(),
        ),
        "pve-cpuset" => {
            (full(r"\d+(-\d+)?(,\d+(-\d+)?)*", value), "unable to parse cpuset option".to_owned())
        }
        "pve-phys-bits" => (
            value == "host" || value.parse::<u8>().is_ok_and(|bits| (8..=64).contains(&bits)),
            "value must be an integer between 8 and 64 or 'host'".to_owned(),
        ),
        "pve-qm-bootdisk" => (is_disk(value), format!("invalid boot disk '{value}'")),
        "pve-qm-bootdev" => (is_boot_device(value), format!("invalid boot device '{value}'")),
        "pve-hotplug-features" => hotplug(value),
        "pve-volume-id" => volume(value, false),
        "pve-volume-id-or-absolute-path" => volume(value, value.starts_with('/')),
        "pve-volume-id-or-qm-path" => {
            volume(value, value == "none" || value == "cdrom" || value.starts_with('/'))
        }
        "pve-storage-content" => (
            matches!(
                value,
                "images" | "rootdir" | "vztmpl" | "iso" | "backup" | "snippets" | "import" | "none"
            ),
            format!("invalid content type '{value}'"),
        ),
        _ if format.starts_with("pve-sdn-") => sdn(format, value),
        _ => address(format, value),
    }
}

// PVE: pve-network, SubnetPlugin.pm, Fabrics.pm and Zones/EvpnPlugin.pm.
fn sdn(format: &str, value: &str) -> (bool, String) {
    let like = |what: &str| format!("value does not look like a valid {what}");
    match format {
        "pve-sdn-subnet-id" => (is_subnet(value), like("CIDR network")),
        // PVE: reads as a fabric of at most 8 characters (facts-2 39).
        "pve-sdn-fabric-id" => (
            full(r"[a-zA-Z0-9][a-zA-Z0-9\-]{0,6}[a-zA-Z0-9]?", value),
            format!("Fabric ID '{value}' contains illegal characters"),
        ),
        "pve-sdn-bgp-rt" => (full(r"\d+:\d+", value), like("bgp route-target")),
        _ => (true, String::new()),
    }
}

/// Returns whether it is a network, or the id of a subnet.
// PVE: pve-network, SubnetPlugin.pm, parse_sdn_subnet_id.
fn is_subnet(value: &str) -> bool {
    let mut parts = value.splitn(3, '-').skip(1);
    let cidr = match (value.contains('/'), parts.next(), parts.next()) {
        (true, _, _) => value.to_owned(),
        (false, Some(network), Some(mask)) => format!("{network}/{mask}"),
        _ => return false,
    };
    judge("CIDR", &cidr).0
}

/// Checks the items of a list, which only SDN's ranges have; the error has its place.
// PVE: pve-network, SubnetPlugin.pm, $dhcp_range_fmt.
pub(crate) fn items(name: &str, value: &str) -> Result<(), (String, String)> {
    if name != "dhcp-range" {
        return Ok(());
    }
    for (at, item) in value.split('\0').enumerate() {
        let at = format!("{name}[{at}]");
        dhcp_range(&at, item).map_err(|text| (at, format!("invalid format - {text}")))?;
    }
    Ok(())
}

/// Checks one range of a subnet; `at` is its place in the parameters.
// PVE: the addresses are checked later, by the plugin.
fn dhcp_range(at: &str, text: &str) -> Result<(), String> {
    let mut missing = vec!["end-address", "start-address"];
    for part in text.split(',') {
        let Some((key, _)) = part.split_once('=') else {
            return Err("value without key, but schema does not define a default key\n".to_owned());
        };
        if !matches!(key, "start-address" | "end-address") {
            let unknown = "property is not defined in schema and the schema does not allow \
                           additional properties";
            return Err(format!("format error\n{at}.{key}: {unknown}\n"));
        }
        missing.retain(|needed| *needed != key);
    }
    match missing.first() {
        Some(key) => {
            let text = "property is missing and it is not optional";
            Err(format!("format error\n{at}.{key}: {text}\n"))
        }
        None => Ok(()),
    }
}

fn address(format: &str, value: &str) -> (bool, String) {
    let like = |what: &str| format!("value does not look like a valid {what}");
    let v4 = || value.parse::<Ipv4Addr>().is_ok();
    match format {
        "ip" => (value.parse::<IpAddr>().is_ok(), like("IP address")),
        "ipv4" => (v4(), like("IPv4 address")),
        "ipv6" => (value.parse::<Ipv6Addr>().is_ok(), like("IPv6 address")),
        "CIDRv4" => (cidr::<Ipv4Addr>(value, 32), like("IPv4 CIDR network")),
        "CIDRv6" => (cidr::<Ipv6Addr>(value, 128), like("IPv6 CIDR network")),
        "CIDR" => {
            (cidr::<Ipv4Addr>(value, 32) || cidr::<Ipv6Addr>(value, 128), like("CIDR network"))
        }
        "pve-ipv4-config" => (
            matches!(value, "dhcp" | "manual") || cidr::<Ipv4Addr>(value, 32),
            like("ipv4 network configuration"),
        ),
        "pve-ipv6-config" => (
            matches!(value, "auto" | "dhcp" | "manual") || cidr::<Ipv6Addr>(value, 128),
            like("ipv6 network configuration"),
        ),
        "storage-pair" => storage_pair(value),
        "pve-ha-resource-or-vm-id" => (
            full(r"[1-9][0-9]{2,8}|\S+:\S+", value),
            format!("unable to parse ha resource/vm id '{value}'"),
        ),
        // `nameserver=foo` passes: an address may be a DNS name (facts 14).
        "address" => (
            value.parse::<IpAddr>().is_ok() || judge("dns-name", value).0,
            format!("value does not look like a valid address: {value}"),
        ),
        _ => (true, String::new()),
    }
}

fn is_disk(value: &str) -> bool {
    matches!(numbered(value), Some(("ide" | "sata" | "scsi" | "virtio", _)))
}

// PVE: qemu-server, QemuServer.pm, parse_hotplug_features.
fn hotplug(value: &str) -> (bool, String) {
    let known =
        |word: &&str| matches!(*word, "network" | "disk" | "cpu" | "memory" | "usb" | "cloudinit");
    let mut words = value.split([',', ';', ' ']).filter(|word| !word.is_empty());
    let wrong = words.find(|word| !known(word)).filter(|_| value != "0" && value != "1");
    (wrong.is_none(), format!("invalid hotplug feature '{}'", wrong.unwrap_or_default()))
}

/// Returns whether a VM can have this device; PVE does not check that it exists (facts 14).
// PVE: qemu-server, QemuServer.pm, verify_bootdev.
fn is_boot_device(name: &str) -> bool {
    let buses = ["ide", "sata", "scsi", "virtio", "net", "usb", "hostpci"];
    schema::numbered(name).is_some_and(|(stem, _)| buses.contains(&stem))
        && schema::by_template("POST", "/nodes/{node}/qemu")
            .is_some_and(|create| create.parameter(name).is_some())
}

fn identifier(what: &str, value: &str) -> (bool, String) {
    if value.len() < 2 {
        let text = format!("{what} ID '{value}' cannot be shorter than 2 characters");
        return (false, text);
    }
    (
        full(r"(?i)[a-z][a-z0-9\-_.]*[a-z0-9]", value),
        format!("{what} ID '{value}' contains illegal characters"),
    )
}

/// An entry of a map of storages: `1`, one storage, or two.
// PVE: pve-common, JSONSchema.pm, verify_idpair and parse_idmap.
fn storage_pair(value: &str) -> (bool, String) {
    let wrong = value.split(':').map(|id| identifier("storage", id)).find(|(good, _)| !good);
    let wrong = wrong.filter(|_| value != "1");
    let text = wrong.as_ref().map_or("", |(_, text)| text);
    (wrong.is_none(), format!("entry '{value}' contains invalid ID - {text}\n"))
}

fn volume(value: &str, otherwise: bool) -> (bool, String) {
    (
        otherwise || full(r"(?i)[a-z][a-z0-9\-_.]*[a-z0-9]:\S+", value),
        format!("unable to parse volume ID '{value}'"),
    )
}

fn unicast_mac(value: &str) -> bool {
    full(r"(?i)[a-f0-9][02468ace](:[a-f0-9]{2}){5}", value)
}

fn cidr<A: FromStr>(value: &str, most: u8) -> bool {
    value.split_once('/').is_some_and(|(address, bits)| {
        address.parse::<A>().is_ok()
            && bits.bytes().all(|b| b.is_ascii_digit())
            && bits.parse::<u8>().is_ok_and(|bits| bits > 7 && bits <= most)
    })
}

/// Returns whether a pattern of PVE matches the whole value.
pub(crate) fn full(pattern: &str, value: &str) -> bool {
    static KNOWN: OnceLock<Mutex<BTreeMap<String, Option<Regex>>>> = OnceLock::new();
    let mut known =
        KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let compiled = known.entry(pattern.to_owned()).or_insert_with(|| compile(pattern));
    compiled.as_ref().is_some_and(|regex| regex.is_match(value))
}

/// Translates Perl's syntax to that of the regex crate, with ASCII classes because Unicode ones are large.
fn compile(pattern: &str) -> Option<Regex> {
    let ours = [
        ("(?^:", "(?:"),
        ("(?^i:", "(?i:"),
        ("{,", "{0,"),
        ("\\0", "\\x00"),
        ("\\w", "[0-9A-Za-z_]"),
        ("\\d", "[0-9]"),
        ("\\s", "[ \\t\\r\\n]"),
        ("\\S", "[^ \\t\\r\\n]"),
    ]
    .iter()
    .fold(pattern.to_owned(), |text, (perl, ours)| text.replace(perl, ours));
    Regex::new(&format!("^(?:{ours})$")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, value: &str, expected: Result<(), &str>) {
        let seen = verify(format, value);
        assert_eq!(seen.as_ref().copied().map_err(|text| text.trim_end()), expected, "{value}");
    }

    #[test]
    fn values_pass_and_fail_as_in_pve() {
        check("dns-name", "web-1.lan", Ok(()));
        check("dns-name", "web_1", Err("value does not look like a valid DNS name"));
        check("mac-addr", "BC:24:11:00:00:01", Ok(()));
        check(
            "mac-addr",
            "01:00:00:00:00:00",
            Err("value does not look like a valid unicast MAC address"),
        );
        check("address-list", "10.0.0.1 foo", Ok(()));
        check("pve-tag-list", "B A,c", Ok(()));
        check("pve-tag-list", "a;b=c", Err("invalid characters in tag"));
        check("urlencoded", "ssh-ed25519%20AAAA", Ok(()));
        check("urlencoded", "ssh key", Err("invalid urlencoded string: ssh key"));
        check("pve-qm-bootdev", "net0", Ok(()));
        check("pve-qm-bootdev", "scsi30", Ok(()));
        check("pve-qm-bootdev", "virtio16", Err("invalid boot device 'virtio16'"));
        check("pve-qm-bootdev", "efidisk0", Err("invalid boot device 'efidisk0'"));
        check("pve-hotplug-features", "network,disk", Ok(()));
        check("pve-hotplug-features", "net", Err("invalid hotplug feature 'net'"));
        check("pve-cpuset", "0,5,8-11", Ok(()));
        check("pve-cpuset", "?!", Err("unable to parse cpuset option"));
        check("pve-phys-bits", "7", Err("value must be an integer between 8 and 64 or 'host'"));
        check("pve-startup-order", "order=3,up=30,down=60", Ok(()));
        check("pve-startup-order", "first", Err("unable to parse startup options"));
    }

    #[test]
    fn every_pattern_of_the_schema_compiles() {
        fn walk(all: &BTreeMap<String, crate::pve_sim::schema::Property>, bad: &mut Vec<String>) {
            for property in all.values() {
                if let Some(pattern) = property.pattern.as_ref().filter(|p| compile(p).is_none()) {
                    bad.push(pattern.clone());
                }
                if let Some(crate::pve_sim::schema::Format::Keys(keys)) = &property.format {
                    walk(keys, bad);
                }
            }
        }
        let mut bad = Vec::new();
        for endpoint in crate::pve_sim::schema::endpoints() {
            walk(&endpoint.parameters, &mut bad);
        }
        for format in ["pve-qm-boot", "pve-qm-smbios1", "pve-vm-cpu-conf"] {
            walk(crate::pve_sim::schema::named(format).unwrap(), &mut bad);
        }
        assert_eq!(bad, Vec::<String>::new());
    }
}
