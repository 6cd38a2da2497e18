//! Tags: how the datacenter formats them, and who may use which.
//! A pure module: does no I/O.
// PVE: guest-common, GuestHelpers.pm, get_unique_tags, get_allowed_tags and
// assert_tag_permissions; facts-4 60, 61 and 65.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use super::access::Who;
use super::needs::{Target, Write};
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::keys::Case;
use crate::pve_sim::property::Properties;

/// Splits a list of tags.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', ' ', '\n', '\0']).filter(|tag| !tag.is_empty())
}

/// The tags that a caller can set and remove.
struct Allowed {
    /// By name; ignored if all tags are free.
    tags: BTreeSet<String>,
    /// Tags registered by the datacenter: only for its administrators.
    registered: BTreeSet<String>,
    /// Whether any unregistered tag is allowed.
    free: bool,
}

impl World {
    fn option(&self, key: &str) -> Properties {
        Properties::read(self.options.get(key).map_or("", String::as_str), "")
    }

    /// Returns a list as a config stores it: unique, by default sorted and lower case.
    /// An empty list is a space (facts-4 61).
    pub(super) fn unique_tags(&self, text: &str) -> String {
        let style = self.option("tag-style");
        let case_sensitive =
            matches!(style.get("case-sensitive"), Some("1" | "on" | "yes" | "true"));
        let mut tags: Vec<String> = Vec::new();
        for tag in split(text) {
            let tag = if case_sensitive { tag.to_owned() } else { tag.to_lowercase() };
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        if style.get("ordering") != Some("config") {
            tags.sort();
        }
        if tags.is_empty() { " ".to_owned() } else { tags.join(";") }
    }

    fn allowed_tags(&self, who: &Who) -> Allowed {
        let registered = self.options.get("registered-tags").map_or("", String::as_str);
        let registered: BTreeSet<String> = split(registered).map(str::to_owned).collect();
        let access = self.option("user-tag-access");
        let allow = access.get("user-allow").unwrap_or("free");
        let mut tags = BTreeSet::new();
        if allow != "none" {
            let list = access.get("user-allow-list").unwrap_or_default();
            tags.extend(split(list).map(str::to_owned));
        }
        if matches!(allow, "free" | "existing") {
            for (vmid, vm) in &self.vms {
                if self.may(who, &format!("/vms/{vmid}"), &["VM.Audit"]) {
                    let there = vm.config.get("tags").map_or("", String::as_str);
                    tags.extend(split(there).map(str::to_owned));
                }
            }
        }
        tags.retain(|tag| !registered.contains(tag));
        Allowed { tags, registered, free: allow == "free" }
    }

    /// Returns the tags that `/cluster/options` shows to a caller.
    pub(crate) fn shown_tags(&self, who: &Who) -> Vec<String> {
        let Allowed { mut tags, registered, .. } = self.allowed_tags(who);
        if self.may(who, "/", &["Sys.Modify"]) {
            tags.extend(registered);
        }
        tags.into_iter().collect()
    }

    /// Refuses a change of a VM's tags if the caller cannot use one that is added or removed.
    pub(super) fn check_tags(
        &self,
        who: &Who,
        vmid: u32,
        old: &str,
        new: &str,
    ) -> Result<(), Refusal> {
        // The pool of a new VM does not count here.
        let on = Target { who, vmid, pool: None, write: Write::Change };
        self.check_value(&on, "tags", new, &[Case::Always])?;
        if self.may(who, "/", &["Sys.Modify"]) {
            return Ok(());
        }
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        split(old).for_each(|tag| *counts.entry(tag).or_default() -= 1);
        split(new).for_each(|tag| *counts.entry(tag).or_default() += 1);
        let allowed = self.allowed_tags(who);
        let refused = |tag: &str| {
            allowed.registered.contains(tag) || !allowed.free && !allowed.tags.contains(tag)
        };
        match counts.iter().find(|(tag, count)| **count != 0 && refused(tag)) {
            Some((tag, _)) => {
                Err(Refusal::permission(&format!("/, Sys.Modify for modifying tag '{tag}'")))
            }
            None => Ok(()),
        }
    }

    /// The same check when a VM is created, which only the task does.
    // PVE: API2/Qemu.pm, create_vm passes a hash instead of the old tags, and its text is
    // treated as a removed tag: so only an administrator can create a VM with tags where they
    // are not free, and the text often names the hash (facts-4 65).
    pub(super) fn check_tags_of_new(&self, who: &Who, vmid: u32, new: &str) -> Result<(), String> {
        const HASH: &str = "HASH(0x5574af120500)";
        let access = self.option("user-tag-access");
        let names_it = access.get("user-allow") == Some("existing");
        let checked = self.check_tags(who, vmid, "", new);
        let checked = match checked {
            Ok(()) => self.check_tags(who, vmid, HASH, new),
            Err(refusal) if names_it => Err(refusal),
            Err(_) => {
                Err(Refusal::permission(&format!("/, Sys.Modify for modifying tag '{HASH}'")))
            }
        };
        checked.map_err(|refusal| refusal.in_task())
    }
}
