//! A VM: its config as PVE writes it, its pending changes, its power, its guest.
//! A pure module: does no I/O.
// PVE: qemu-server, QemuServer.pm, write_vm_config and parse_vm_config.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};

use super::World;
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::schema;

/// A VM.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vm {
    /// Its node [default: the first one].
    pub node: String,
    /// The config file's keys, `lock`, `protection` and `template` among them.
    pub config: BTreeMap<String, String>,
    /// Changes that wait for a power cycle; null deletes the key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pending: BTreeMap<String, Option<String>>,
    /// The disks among the deleted keys that are then freed.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub forced: BTreeSet<String>,
    /// Whether QEMU is running.
    pub running: bool,
    /// QEMU's own status while it is running, such as `paused` [default: running].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qmpstatus: Option<String>,
    /// Keys whose hotplug fails, with QEMU's error.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hotplug_fails: BTreeMap<String, String>,
    /// How many more seconds something else holds its lock file; not written.
    #[serde(skip_serializing)]
    pub lock_held: u64,
    /// Snapshots make some changes impossible; names only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<String>,
    /// What pvestatd saw in its last round; none for a new VM (facts 31).
    #[serde(skip)]
    pub(crate) seen: Option<PvestatdView>,
    /// Reads of `/cluster/resources` since `seen` became outdated.
    #[serde(skip)]
    pub(crate) stale_reads: u32,
    /// Agent calls since the start.
    #[serde(skip)]
    pub(crate) agent_calls: u32,
    /// File reads through the agent since the start.
    #[serde(skip)]
    pub(crate) file_reads: u32,
    /// Whether it was stopped and PVE's cleanup has not run yet.
    #[serde(skip)]
    pub(crate) cleanup_due: bool,
    /// MACs generated for it so far.
    #[serde(skip)]
    pub(crate) made: u32,
}

/// What pvestatd reports about a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PvestatdView {
    pub(crate) name: String,
    pub(crate) running: bool,
    pub(crate) template: bool,
    pub(crate) cores: u64,
    pub(crate) memory: u64,
}

/// The behavior of a guest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guest {
    /// Calls refused after a start before the agent answers; null: it never answers.
    pub agent_after: Option<u32>,
    /// Whether it reacts to the power button.
    pub shuts_down: bool,
    /// Addresses with prefix length on the first NIC [default: a generated one].
    pub addresses: Vec<String>,
    /// Addresses with prefix length on the other NICs, by config key (`net1`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub nic_addresses: BTreeMap<String, Vec<String>>,
    /// Files in the guest: path → content.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Reads after a start that find none of the files yet.
    #[serde(skip_serializing_if = "is_zero")]
    pub files_after: u32,
    /// Commands that the guest agent refuses, such as `guest-file-open`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agent_blocks: Vec<String>,
    /// The operating system, as reported by get-osinfo.
    pub os: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            agent_after: Some(1),
            shuts_down: true,
            addresses: Vec::new(),
            nic_addresses: BTreeMap::new(),
            files: BTreeMap::new(),
            files_after: 0,
            agent_blocks: Vec::new(),
            os: "debian".to_owned(),
        }
    }
}

/// Which view of the config to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// The running config.
    Current,
    /// With pending changes applied (facts 24).
    Pending,
}

impl Vm {
    /// Returns the keys of a view.
    pub(crate) fn view(&self, view: View) -> BTreeMap<String, String> {
        let mut seen = self.config.clone();
        if view == View::Pending {
            for (key, value) in &self.pending {
                match value {
                    Some(value) => seen.insert(key.clone(), value.clone()),
                    None => seen.remove(key),
                };
            }
        }
        seen
    }

    /// Returns current and pending drives.
    pub(super) fn drives(&self) -> BTreeMap<String, String> {
        let waiting = self.pending.iter().filter_map(|(k, v)| Some((k.clone(), v.clone()?)));
        self.config.clone().into_iter().chain(waiting).collect()
    }

    /// SHA-1 over the file's text (facts 20, reference 5).
    pub(crate) fn digest(&self) -> String {
        Sha1::digest(self.text().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.config {
            if key == "description" {
                text = format!("#{}\n{text}", value.replace('\n', "%0A"));
            } else {
                text.push_str(&format!("{key}: {value}\n"));
            }
        }
        if !self.pending.is_empty() {
            text.push_str("\n[PENDING]\n");
        }
        for (key, value) in &self.pending {
            match value {
                Some(value) => text.push_str(&format!("{key}: {value}\n")),
                None => {
                    let force = if self.forced.contains(key) { "!" } else { "" };
                    text.push_str(&format!("delete: {force}{key}\n"));
                }
            }
        }
        for name in &self.snapshots {
            text.push_str(&format!("\n[{name}]\n"));
        }
        text
    }

    /// Returns the config as shown by `GET …/config`.
    pub(crate) fn show(&self, view: View) -> Map<String, Value> {
        let mut shown: Map<String, Value> = self
            .view(view)
            .iter()
            .map(|(key, value)| (key.clone(), typed(key, masked(key, value))))
            .collect();
        shown.insert("digest".to_owned(), self.digest().into());
        shown
    }

    /// Returns the rows of `GET …/pending`.
    // PVE: guest-common, GuestHelpers.pm, config_with_pending_array.
    pub(crate) fn show_pending(&self) -> Vec<Value> {
        let mut lines = Vec::new();
        for (key, value) in &self.config {
            let mut line = Map::new();
            line.insert("key".to_owned(), key.clone().into());
            line.insert("value".to_owned(), typed(key, masked(key, value)));
            match self.pending.get(key) {
                Some(Some(next)) => {
                    line.insert("pending".to_owned(), typed(key, masked(key, next)))
                }
                Some(None) => {
                    let force = 1 + u8::from(self.forced.contains(key));
                    line.insert("delete".to_owned(), force.into())
                }
                None => None,
            };
            lines.push(Value::Object(line));
        }
        for (key, value) in &self.pending {
            if let (false, Some(next)) = (self.config.contains_key(key), value) {
                let next = typed(key, masked(key, next));
                lines.push(serde_json::json!({ "key": key, "pending": next }));
            }
        }
        let digest = self.digest();
        lines.push(serde_json::json!({ "key": "digest", "value": digest }));
        lines
    }

    /// Facts 27.
    pub(crate) fn check_lock(&self) -> Result<(), Refusal> {
        match self.config.get("lock") {
            Some(lock) => Err(Refusal::die(format!("VM is locked ({lock})"))),
            None => Ok(()),
        }
    }

    /// Facts 20.
    pub(crate) fn check_digest(&self, digest: Option<&str>) -> Result<(), Refusal> {
        match digest {
            Some(digest) if !digest.is_empty() && digest != self.digest() => {
                Err(Refusal::die("checksum mismatch (file change by other user?)"))
            }
            _ => Ok(()),
        }
    }

    /// Returns the result of `query-status`.
    pub(crate) fn qmpstatus(&self) -> &str {
        match (self.running, &self.qmpstatus) {
            (true, Some(word)) => word,
            (true, None) => "running",
            (false, _) => "stopped",
        }
    }

    /// Returns whether PVE treats the VM as paused and sends no requests to its guest.
    // PVE: QemuServer.pm, vm_is_paused; API2/Qemu.pm, vm_shutdown and vm_reboot.
    pub(crate) fn is_paused(&self) -> bool {
        matches!(self.qmpstatus(), "paused" | "prelaunch" | "suspended")
    }

    /// Facts 28.
    pub(crate) fn check_protection(&self, what: &str) -> Result<(), Refusal> {
        if self.is_set("protection") {
            return Err(Refusal::die(format!("{what} - protection mode enabled")));
        }
        Ok(())
    }

    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.config.get(key).is_some_and(|value| value == "1")
    }

    /// Returns what a round of pvestatd would see now.
    pub(crate) fn pvestatd_view(&self, vmid: u32) -> PvestatdView {
        let number = |key: &str| self.config.get(key).and_then(|value| value.parse().ok());
        PvestatdView {
            name: self.name(vmid),
            running: self.running,
            template: self.is_set("template"),
            cores: number("cores").unwrap_or(1),
            memory: number("memory").unwrap_or(512) << 20,
        }
    }

    /// Returns what `/cluster/resources` shows: each change appears after `lag` reads.
    pub(crate) fn reported(&mut self, vmid: u32, lag: u32) -> Option<PvestatdView> {
        let now = self.pvestatd_view(vmid);
        if self.seen.as_ref() == Some(&now) {
            self.stale_reads = 0;
        } else if self.stale_reads >= lag {
            self.seen = Some(now);
            self.stale_reads = 0;
        } else {
            self.stale_reads += 1;
        }
        self.seen.clone()
    }

    /// Returns the name, or what PVE shows instead (facts 25).
    pub(crate) fn name(&self, vmid: u32) -> String {
        self.config.get("name").cloned().unwrap_or_else(|| format!("VM {vmid}"))
    }
}

/// Converts a value: integers and booleans of the schema become numbers, everything else text (facts 11); a number with
/// a decimal point is text too.
// PVE: QemuServer.pm, check_type.
fn typed(key: &str, value: &str) -> Value {
    let endpoint = schema::by_template("POST", "/nodes/{node}/qemu");
    let kind = endpoint
        .and_then(|endpoint| endpoint.parameter(key))
        .and_then(|property| property.r#type.as_deref());
    match (kind, value.parse::<i64>()) {
        (Some("integer" | "boolean"), Ok(number)) => number.into(),
        _ => value.into(),
    }
}

/// Facts 25.
fn masked<'a>(key: &str, value: &'a str) -> &'a str {
    if key == "cipassword" { "**********" } else { value }
}

impl World {
    /// Returns a VM on its node.
    pub(crate) fn vm(&self, node: &str, vmid: u32) -> Result<&Vm, Refusal> {
        self.vms.get(&vmid).filter(|vm| vm.node == node).ok_or_else(|| missing(node, vmid))
    }

    /// Returns a mutable VM on its node.
    pub(crate) fn vm_mut(&mut self, node: &str, vmid: u32) -> Result<&mut Vm, Refusal> {
        self.vms.get_mut(&vmid).filter(|vm| vm.node == node).ok_or_else(|| missing(node, vmid))
    }

    /// Returns the behavior of a VM's guest.
    pub(crate) fn guest_of(&self, vmid: u32) -> &Guest {
        self.guests.get(&vmid).unwrap_or(&self.guest)
    }
}

/// Facts 4.
fn missing(node: &str, vmid: u32) -> Refusal {
    Refusal::die(format!(
        "Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_config_mixes_types_like_pve() {
        let vm = Vm {
            config: [
                ("memory", "256"),
                ("agent", "1"),
                ("cores", "1"),
                ("onboot", "1"),
                ("cipassword", "$6$x"),
                ("cpulimit", "0.5"),
            ]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
            pending: BTreeMap::from([
                ("cores".to_owned(), Some("2".to_owned())),
                ("onboot".to_owned(), None),
            ]),
            ..Vm::default()
        };
        let digest = vm.digest();
        assert_eq!(
            Value::Object(vm.show(View::Pending)),
            json!({"agent": "1", "cipassword": "**********", "cores": 2, "cpulimit": "0.5", "memory": "256", "digest": digest})
        );
        assert_eq!(vm.show(View::Current)["cores"], 1);
        assert_eq!(vm.show_pending()[2], json!({"key": "cores", "value": 1, "pending": 2}));
    }

    #[test]
    fn each_change_changes_the_digest() {
        let mut vm = Vm::default();
        let before = vm.digest();
        vm.config.insert("cores".to_owned(), "2".to_owned());
        let between = vm.digest();
        vm.pending.insert("cores".to_owned(), None);
        assert_eq!(before.len(), 40);
        assert!(before != between && between != vm.digest());
    }
}
