//! Names of a recording and those on the node: its vmids, storages and pools are in ranges of their own there.
//! A pure module: does no I/O.

use regex::{Captures, Regex};

use super::line::Request;

/// The vmid 100 of a recording is this much higher on the node.
// PVE: the highest vmid is 999999999 (pve-common, JSONSchema.pm, pve-vmid).
const SHIFT: u32 = 900_000_000;

/// Pools of a recording have this prefix on the node.
pub const POOL_PREFIX: &str = "pve-record-";

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
}

impl Names {
    /// Returns the names of a recording, which are used against the simulator.
    pub fn recorded() -> Self {
        Self {
            node: "pve1".to_owned(),
            disks: ("disks".to_owned(), "/mnt/pve/disks".to_owned()),
            files: ("local".to_owned(), "/var/lib/vz".to_owned()),
            token: "admin@pve!full".to_owned(),
        }
    }

    /// Returns a request with the node's names.
    pub fn to_node(&self, request: &Request) -> Request {
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
            let number = key.is_empty() && is_vmid(segment) && path.contains("/content/");
            self.value(if number { "vmid" } else { key }, segment)
        });
        segments.collect::<Vec<_>>().join("/")
    }

    fn value(&self, key: &str, value: &str) -> String {
        match key {
            "node" | "target" if value == "pve1" => self.node.clone(),
            "vmid" | "newid" | "vms" => {
                let ids = value.split(',').map(|id| if is_vmid(id) { shifted(id) } else { id.to_owned() });
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
        let storage = regex(r"(^|[^\w.-])(disks|local):");
        let text = storage.replace_all(value, |found: &Captures| {
            let name = if &found[2] == "disks" { &self.disks.0 } else { &self.files.0 };
            format!("{}{name}:", &found[1])
        });
        let vmid = regex(r"(:|vm-|base-|/vms/|^vm:)([1-9]\d\d)(/|-|$)");
        // Twice: neighbours share their border.
        let once = vmid.replace_all(&text, |f: &Captures| format!("{}{}{}", &f[1], shifted(&f[2]), &f[3]));
        vmid.replace_all(&once, |f: &Captures| format!("{}{}{}", &f[1], shifted(&f[2]), &f[3])).into_owned()
    }

    /// Returns a text of the node with the recording's names.
    pub fn to_recording(&self, text: &str) -> String {
        let recorded = Self::recorded();
        let mut text = regex(r"\b900000(\d{3})\b").replace_all(text, "$1").replace(POOL_PREFIX, "");
        for (name, ours) in [
            (&self.disks.1, &recorded.disks.1),
            (&self.files.1, &recorded.files.1),
            (&self.token, &recorded.token),
        ] {
            text = text.replace(name.as_str(), ours);
        }
        for (name, ours) in [(&self.disks.0, "disks"), (&self.files.0, "local")] {
            text = whole_word(name).replace_all(&text, ours).into_owned();
        }
        if text == self.node {
            return recorded.node;
        }
        let node = regex(&format!(r"(UPID:|nodes/|node/|node '|node: ){}\b", regex::escape(&self.node)));
        node.replace_all(&text, "${1}pve1").into_owned()
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

fn whole_word(name: &str) -> Regex {
    regex(&format!(r"\b{}\b", regex::escape(name)))
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern, or an escaped name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            node: "alpha".to_owned(),
            disks: ("record-disks".to_owned(), "/srv/d".to_owned()),
            files: ("record-files".to_owned(), "/srv/f".to_owned()),
            token: "root@pam!rec".to_owned(),
        }
    }

    #[test]
    fn names_of_the_node_and_back() {
        for (key, recorded, node) in [
            ("virtio0", "disks:0,import-from=local:import/a.raw", "record-disks:0,import-from=record-files:import/a.raw"),
            ("scsi1", "disks:100/vm-100-disk-0.raw", "record-disks:900000100/vm-900000100-disk-0.raw"),
            ("x", "disks:100/base-100-disk-0.raw/101/vm-101-disk-0.raw,size=1G", "record-disks:900000100/base-900000100-disk-0.raw/101/vm-900000101-disk-0.raw,size=1G"),
            ("vms", "100,101", "900000100,900000101"),
            ("poolid", "p1", "pve-record-p1"),
            ("memory", "512", "512"),
            ("vmid", "99", "99"),
        ] {
            assert_eq!(names().value(key, recorded), node);
            assert_eq!(names().to_recording(node), recorded);
        }
        let path = "/nodes/pve1/storage/disks/content/disks:100/vm-100-disk-0.raw";
        let node = "/nodes/alpha/storage/record-disks/content/record-disks:900000100/vm-900000100-disk-0.raw";
        assert_eq!(names().path(path), node);
        assert_eq!(names().to_recording(node), path);
    }
}
