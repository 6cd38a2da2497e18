//! Names of a recording and those on the node: its vmids, storages and pools are in ranges of their own there.
//! A pure module: does no I/O.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::line::Request;

/// The vmid 100 of a recording is this much higher on the node.
// PVE: the highest vmid is 999999999 (pve-common, JSONSchema.pm, pve-vmid).
const SHIFT: u32 = 900_000_000;

/// The storages of a recording, and their directories.
const DISKS: (&str, &str) = ("disks", "/mnt/pve/disks");
const FILES: (&str, &str) = ("local", "/var/lib/vz");

/// The token that has asked everything in a recording.
pub const TOKEN: &str = "admin@pve!full";

/// Pools of a recording have this prefix on the node.
pub const POOL_PREFIX: &str = "pve-record-";

static STORAGE: LazyLock<Regex> = LazyLock::new(|| regex("(^|[^A-Za-z0-9_.-])(disks|local):"));
static VMID: LazyLock<Regex> =
    LazyLock::new(|| regex("(:|vm-|base-|/vms/|\\.[a-z0-9]+/|^vm:)([1-9][0-9]{2})(/|-|$)"));
static SHIFTED: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u:\b)900000([0-9]{3})(?-u:\b)"));

/// What the recording's names are on the node.
#[derive(Debug, Clone)]
pub struct Names {
    /// The node that is `pve1` in a recording.
    pub node: String,
    /// The storage that is `disks`, and its directory.
    pub disks: (String, String),
    /// The storage that is `local`, and its directory.
    pub files: (String, String),
    /// `USER@REALM!NAME` of the token that is `admin@pve!full`.
    pub token: String,
    /// The storages' names in texts, and those in a recording.
    words: [(Regex, &'static str); 2],
    /// The node's name in texts.
    place: Regex,
    /// Whether these are the names of a recording, and nothing is replaced.
    recorded: bool,
}

impl Names {
    /// Stores the node's names; a storage is its name and its directory.
    pub fn new(node: &str, disks: (&str, &str), files: (&str, &str), token: &str) -> Self {
        let owned = |(name, path): (&str, &str)| (name.to_owned(), path.to_owned());
        let word = |name: &str| regex(&format!(r"(?-u:\b){}(?-u:\b)", regex::escape(name)));
        // Not `root@pam`, `/etc/pve` or `pve-pipeline`, if the node has such a name.
        let (before, after) = ("^|UPID:|nodes/|node/|[ '\"(=,]", "$|[ '\":,);/]");
        Self {
            node: node.to_owned(),
            disks: owned(disks),
            files: owned(files),
            token: token.to_owned(),
            words: [(word(disks.0), DISKS.0), (word(files.0), FILES.0)],
            place: regex(&format!("({before}){}({after})", regex::escape(node))),
            recorded: false,
        }
    }

    /// Returns the names of a recording, which are used against the simulator.
    pub fn recorded() -> Self {
        Self { recorded: true, ..Self::new("pve1", DISKS, FILES, TOKEN) }
    }

    /// Returns a request with the node's names.
    pub fn to_node(&self, request: &Request) -> Request {
        if self.recorded {
            return request.clone();
        }
        let parameter = |(key, value): (&String, &String)| (key.clone(), self.value(key, value));
        Request {
            path: self.path(&request.path),
            parameters: request.parameters.iter().map(parameter).collect(),
            ..request.clone()
        }
    }

    fn path(&self, path: &str) -> String {
        let mut before = "";
        let segments = path.split('/').map(|segment| {
            let key = match before {
                "nodes" => "node",
                "qemu" | "lxc" => "vmid",
                "storage" => "storage",
                "pools" => "poolid",
                _ => "",
            };
            before = segment;
            // The volume ID of a file on a directory has a slash of its own.
            let in_volume = key.is_empty() && path.contains("/content/");
            match segment.split_once("%2F") {
                Some((vmid, rest)) if in_volume => {
                    format!("{}%2F{}", self.value("vmid", vmid), self.value("", rest))
                }
                _ => self.value(if in_volume && is_vmid(segment) { "vmid" } else { key }, segment),
            }
        });
        segments.collect::<Vec<_>>().join("/")
    }

    fn value(&self, key: &str, value: &str) -> String {
        match key {
            "node" | "target" if value == "pve1" => self.node.clone(),
            "vmid" | "newid" | "vms" => {
                let ids = value
                    .split(',')
                    .map(|id| if is_vmid(id) { shifted(id) } else { id.to_owned() });
                ids.collect::<Vec<_>>().join(",")
            }
            "storage" | "target-storage" if value == "disks" => self.disks.0.clone(),
            "storage" | "target-storage" if value == "local" => self.files.0.clone(),
            "pool" | "poolid" if is_pool(value) => format!("{POOL_PREFIX}{value}"),
            _ => self.volumes(value),
        }
    }

    /// Replaces storages and vmids in volume IDs and in HA's IDs.
    fn volumes(&self, value: &str) -> String {
        let text = STORAGE.replace_all(value, |found: &Captures| {
            let name = if &found[2] == DISKS.0 { &self.disks.0 } else { &self.files.0 };
            format!("{}{name}:", &found[1])
        });
        let shift = |found: &Captures| format!("{}{}{}", &found[1], shifted(&found[2]), &found[3]);
        // Twice: neighbours share their border.
        VMID.replace_all(&VMID.replace_all(&text, shift), shift).into_owned()
    }

    /// Returns a text of the node with the recording's names.
    pub fn to_recording(&self, text: &str) -> String {
        if self.recorded {
            return text.to_owned();
        }
        let mut text = SHIFTED.replace_all(text, "$1").replace(POOL_PREFIX, "");
        for (name, ours) in
            [(&self.disks.1, DISKS.1), (&self.files.1, FILES.1), (&self.token, TOKEN)]
        {
            text = text.replace(name.as_str(), ours);
        }
        for (name, ours) in &self.words {
            text = name.replace_all(&text, *ours).into_owned();
        }
        if Some(text.as_str()) == self.token.split('!').next() {
            return "admin@pve".to_owned();
        }
        self.place.replace_all(&text, "${1}pve1${2}").into_owned()
    }
}

/// Returns whether a text is a vmid of a recording.
pub fn is_vmid(text: &str) -> bool {
    text.len() == 3 && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether a text is a pool of a recording.
pub fn is_pool(text: &str) -> bool {
    text.len() == 2 && text.starts_with('p') && text.as_bytes()[1].is_ascii_digit()
}

/// Returns whether a vmid of the node belongs to the recorder.
pub fn is_ours(vmid: u64) -> bool {
    (u64::from(SHIFT) + 100..u64::from(SHIFT) + 1000).contains(&vmid)
}

fn shifted(vmid: &str) -> String {
    (SHIFT + vmid.parse::<u32>().unwrap_or_default()).to_string()
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern, or an escaped name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new("alpha", ("record-disks", "/srv/d"), ("record-files", "/srv/f"), "root@pam!rec")
    }

    #[test]
    fn an_escaped_volume_has_a_vmid_too() {
        let path = names().path("/nodes/pve1/storage/disks/content/100%2Fvm-100-disk-0.raw");
        assert!(path.ends_with("/content/900000100%2Fvm-900000100-disk-0.raw"), "{path}");
    }

    #[test]
    fn names_of_the_node_and_back() {
        for (key, recorded, node) in [
            (
                "virtio0",
                "disks:0,import-from=local:import/a.raw",
                "record-disks:0,import-from=record-files:import/a.raw",
            ),
            (
                "scsi1",
                "disks:100/vm-100-disk-0.raw",
                "record-disks:900000100/vm-900000100-disk-0.raw",
            ),
            (
                "x",
                "disks:100/base-100-disk-0.raw/101/vm-101-disk-0.raw,size=1G",
                "record-disks:900000100/base-900000100-disk-0.raw/900000101/vm-900000101-disk-0.raw,size=1G",
            ),
            ("vms", "100,101", "900000100,900000101"),
            ("poolid", "p1", "pve-record-p1"),
            ("memory", "512", "512"),
            ("vmid", "99", "99"),
        ] {
            assert_eq!(names().value(key, recorded), node);
            assert_eq!(names().to_recording(node), recorded);
        }
        for (seen, wanted) in [
            ("alpha", "pve1"),
            ("root@pam", "admin@pve"),
            ("alpha: reloading network config", "pve1: reloading network config"),
            (
                "UPID:alpha:0000:qmstart:900000100:root@pam!rec:",
                "UPID:pve1:0000:qmstart:100:admin@pve!full:",
            ),
            ("nodes/alpha/qemu-server/900000101.conf", "nodes/pve1/qemu-server/101.conf"),
            ("/etc/alpha/x@alpha!y", "/etc/alpha/x@alpha!y"),
            ("cp -- /srv/f/import/x.raw", "cp -- /var/lib/vz/import/x.raw"),
        ] {
            assert_eq!(names().to_recording(seen), wanted);
        }
        let path = "/nodes/pve1/storage/disks/content/disks:100/vm-100-disk-0.raw";
        let node = "/nodes/alpha/storage/record-disks/content/record-disks:900000100/vm-900000100-disk-0.raw";
        assert_eq!(names().path(path), node);
        assert_eq!(names().to_recording(node), path);
    }
}
