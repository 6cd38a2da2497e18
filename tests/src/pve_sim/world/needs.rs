//! Permission checks for writing keys: applies the rows of the table to one value.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server, API2/Qemu.pm, $check_vm_modify_config_perm, $check_vm_create_serial_perm,
// check_usb_perm, check_hostpci_perm, check_rng_perm and check_dir_perm.

use super::World;
use super::access::Who;
use super::create::read_net;
use crate::pve_sim::answer::Refusal;
use crate::pve_sim::keys::{self, Case, Key, Need, cases};

/// A write to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Create,
    Change,
    Delete,
}

/// The VM whose config is written, perhaps a new one in a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) who: &'a Who,
    pub(crate) vmid: u32,
    pub(crate) pool: Option<&'a str>,
    pub(crate) write: Write,
}

impl Target<'_> {
    fn is_root(&self) -> bool {
        self.who.authid == "root@pam"
    }
}

impl World {
    /// Checks privileges on the VM, or on its new pool.
    // PVE: pve-access-control, RPCEnvironment.pm, check_vm_perm.
    pub(crate) fn check_vm(
        &self,
        who: &Who,
        vmid: u32,
        pool: Option<&str>,
        privileges: &[&str],
    ) -> Result<(), Refusal> {
        match pool {
            Some(pool) if self.may(who, &format!("/pool/{pool}"), privileges) => Ok(()),
            _ => self.check(who, &format!("/vms/{vmid}"), privileges),
        }
    }

    fn check_path(&self, who: &Who, path: &str, need: &Need) -> Result<(), Refusal> {
        match need.any {
            true => self.check_any(who, path, need.privileges),
            false => self.check(who, path, need.privileges),
        }
    }

    /// Checks what a key needs regardless of its value, which PVE checks first.
    pub(crate) fn check_key(&self, on: &Target, key: &str) -> Result<(), Refusal> {
        let Some(row) = keys::find(key).filter(|_| !on.is_root()) else {
            return Ok(());
        };
        if row.late {
            return Ok(());
        }
        self.check_root(on, row, key, &[Case::Always])?;
        self.check_cases(on, row, key, "", &[Case::Always])
    }

    /// Checks what a key needs for its value, for those of the given cases that apply.
    pub(crate) fn check_value(
        &self,
        on: &Target,
        key: &str,
        value: &str,
        asked: &[Case],
    ) -> Result<(), Refusal> {
        let Some(row) = keys::find(key).filter(|_| !on.is_root()) else {
            return Ok(());
        };
        let all = cases::of(row, key, value);
        let met: Vec<Case> = all.into_iter().filter(|case| asked.contains(case)).collect();
        self.check_cases(on, row, key, value, &met)
    }

    /// Checks what a device needs, in PVE's order.
    pub(crate) fn check_device(&self, on: &Target, key: &str, value: &str) -> Result<(), Refusal> {
        let Some(row) = keys::find(key).filter(|_| !on.is_root()) else {
            return Ok(());
        };
        let met = cases::of(row, key, value);
        // Only for a serial port does PVE check the device first.
        let raw_first = row.stem == "serial";
        if raw_first {
            self.check_root(on, row, key, &met)?;
        }
        self.check_cases(on, row, key, value, &[Case::Always])?;
        let named = [Case::RawDevice, Case::Mapped];
        let spice = row.stem == "usb" && cases::read(key, value).get("host").is_some();
        if matches!(row.stem, "usb" | "hostpci")
            && !spice
            && !met.iter().any(|case| named.contains(case))
        {
            return Err(Refusal::die("either 'host' or 'mapping' must be set."));
        }
        let (raw, rest): (Vec<Case>, Vec<Case>) = met
            .into_iter()
            .filter(|case| *case != Case::Always)
            .partition(|case| *case == Case::RawDevice);
        self.check_root(on, row, key, &raw)?;
        self.check_cases(on, row, key, value, &rest)?;
        self.check_root(on, row, key, &rest)
    }

    /// Checks a NIC's bridge, or each of its VLANs.
    // PVE: guest-common, GuestHelpers.pm, check_vnet_access.
    pub(crate) fn check_bridge(&self, who: &Who, text: &str) -> Result<(), Refusal> {
        let Some(row) = keys::find("net0").filter(|_| who.authid != "root@pam") else {
            return Ok(());
        };
        let net = read_net(text);
        let Some(bridge) = net.get("bridge") else {
            return Ok(());
        };
        let vnet = self.sdn.edited.vnets.get(bridge);
        let zone = vnet.and_then(|vnet| vnet.get("zone")).map_or("localnetwork", String::as_str);
        let mut tags: Vec<u32> =
            net.get("tag").and_then(|tag| tag.parse().ok()).into_iter().collect();
        tags.extend(net.get("trunks").into_iter().flat_map(trunks));
        let case = if tags.is_empty() { Case::Bridge } else { Case::Vlan };
        for need in row.needs(case, self.release()) {
            let path = need.path.replace("{zone}", zone).replace("{bridge}", bridge);
            if tags.is_empty() {
                self.check_path(who, &path, need)?;
            }
            for tag in &tags {
                self.check_path(who, &path.replace("{tag}", &tag.to_string()), need)?;
            }
        }
        Ok(())
    }

    fn check_cases(
        &self,
        on: &Target,
        row: &'static Key,
        key: &str,
        value: &str,
        met: &[Case],
    ) -> Result<(), Refusal> {
        let release = self.release();
        for need in met.iter().flat_map(|case| row.needs(*case, release)) {
            if on.write == Write::Create && !need.at_create {
                continue;
            }
            let pool = on.pool.filter(|_| need.path == "/vms/{vmid}");
            let in_pool = |pool| self.check_path(on.who, &format!("/pool/{pool}"), need).is_ok();
            if pool.is_some_and(in_pool) {
                continue;
            }
            // The path depends on the value.
            if need.path != "/vms/{vmid}" && need.path.contains('{') && value.is_empty() {
                continue;
            }
            self.check_path(on.who, &cases::fill(need.path, on.vmid, key, value), need)?;
        }
        Ok(())
    }

    fn check_root(&self, on: &Target, row: &Key, key: &str, met: &[Case]) -> Result<(), Refusal> {
        let Some(rule) = row.root_only(met, self.release()) else {
            return Ok(());
        };
        let text = match on.write {
            Write::Create => rule.create,
            Write::Change => rule.change,
            Write::Delete => rule.delete,
        };
        let text = text.replace("{key}", key);
        match rule.as_parameter {
            true => Err(Refusal::parameter(key, text)),
            false => Err(Refusal::die(text)),
        }
    }
}

/// Returns the VLANs in `2;4-6`.
fn trunks(text: &str) -> Vec<u32> {
    let mut all = std::collections::BTreeSet::new();
    for part in text.split(';') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.parse::<u32>(), to.parse::<u32>()) {
            all.extend(from..=to.min(4094));
        }
    }
    all.into_iter().collect()
}
