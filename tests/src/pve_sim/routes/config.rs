//! A VM's config: reading, changing and growing it, and checks shared with create.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server, API2/Qemu.pm.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Call;
use super::checks::{check_bridges, check_drives, check_keys, check_model, check_storages};
use super::qemu::{check_ssh_keys, put_cdrom};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::keys;
use crate::pve_sim::schema;
use crate::pve_sim::world::change::Change;
use crate::pve_sim::world::moves::Move;
use crate::pve_sim::world::needs::{Target, Write};
use crate::pve_sim::world::vm::View;
use crate::pve_sim::world::work::Work;

/// Facts 11 and 24.
pub(super) fn get(call: &mut Call) -> Reply {
    if call.params.get("snapshot").is_some() {
        return Err(Refusal::unknown("pve-sim: config of a snapshot is not served"));
    }
    let view = if call.params.flag("current") { View::Current } else { View::Pending };
    let vm = call.world.vm(&call.node(), call.vmid())?;
    Ok(Value::Object(vm.show(view)).into())
}

pub(super) fn pending(call: &mut Call) -> Reply {
    let vm = call.world.vm(&call.node(), call.vmid())?;
    Ok(Value::Array(vm.show_pending()).into())
}

/// Facts 19: synchronous.
pub(super) fn put(call: &mut Call) -> Reply {
    let (node, vmid) = (call.node(), call.vmid());
    let change = read_change(call)?;
    call.world.lock_file(vmid)?;
    call.world.check_writable(&node, vmid).map_err(Refusal::die)?;
    call.world.change(&node, call.who, vmid, &change)?;
    Ok(Value::Null.into())
}

/// The first release in which the task, not the request, takes the VM's lock file.
// PVE: qemu-server 9.1.19, API2/Qemu.pm, $update_vm_api: it forks before it locks.
const LOCKS_IN_TASK: (u32, u32) = (9, 2);

/// Facts 19: a task.
pub(super) fn post(call: &mut Call) -> Reply {
    let vmid = call.vmid();
    if call.params.get("background_delay").is_some() {
        return Err(Refusal::unknown("pve-sim: background_delay is not served"));
    }
    let sent = call.params.0.clone();
    let change = read_change(call)?;
    if call.world.release() < LOCKS_IN_TASK {
        call.world.lock_file(vmid)?;
    }
    call.fork(
        "qmconfig",
        vmid,
        Work::Change { vmid, change, lines: vec![update_line(vmid, &sent)] },
    )
}

/// The first line of the task's log.
// PVE: API2/Qemu.pm, $update_vm_api, @paramarr.
fn update_line(vmid: u32, sent: &BTreeMap<String, String>) -> String {
    let mut line = format!("update VM {vmid}:");
    let not_shown = ["node", "vmid", "digest", "import-working-storage"];
    for (key, value) in sent.iter().filter(|(key, _)| !not_shown.contains(&key.as_str())) {
        let value = if key == "cipassword" { "<hidden>" } else { value };
        line.push_str(&format!(" -{key} {value}"));
    }
    line
}

/// Reads a change and checks everything that PVE checks before it locks the config.
fn read_change(call: &mut Call) -> Result<Change, Refusal> {
    let (node, vmid) = (call.node(), call.vmid());
    call.root_only(&["skiplock"])?;
    let words = |name: &str| -> Vec<String> {
        call.params.list(name).into_iter().map(str::to_owned).collect()
    };
    let mut change = Change {
        delete: words("delete"),
        revert: words("revert"),
        force: call.params.flag("force"),
        digest: call.params.get("digest").map(str::to_owned),
        set: call.params.0.clone(),
    };
    for key in [
        "node",
        "vmid",
        "delete",
        "revert",
        "force",
        "digest",
        "skiplock",
        "import-working-storage",
    ] {
        change.set.remove(key);
    }
    check_ssh_keys(&change.set)?;
    put_cdrom(&mut change.set);
    change.delete.iter_mut().filter(|key| *key == "cdrom").for_each(|key| *key = "ide2".to_owned());
    if change.set.is_empty() && change.delete.is_empty() && change.revert.is_empty() {
        return Err(Refusal::die("no options specified"));
    }
    check_deletes(&change, call.world.release())?;
    check_drives(&change.set)?;
    let keys: Vec<String> = change.set.keys().cloned().collect();
    for key in keys.iter().filter(|key| matches!(schema::numbered(key), Some(("net", _)))) {
        let text = change.set.remove(key).unwrap_or_default();
        let text = call.world.print_net(vmid, key, &text);
        change.set.insert(key.clone(), text);
    }
    let on = Target { who: call.who, vmid, pool: None, write: Write::Delete };
    check_keys(call, &on, change.delete.iter())?;
    let on = Target { write: Write::Change, ..on };
    check_keys(call, &on, change.set.keys())?;
    check_storages(call, &on, &change.set)?;
    check_bridges(call, &change.set)?;
    let vm = call.world.vm(&node, vmid)?;
    vm.check_digest(change.digest.as_deref())?;
    check_model(call, &on, &change.set, vm.config.get("cpu").map(String::as_str))?;
    vm.check_lock()?;
    vm.check_balloon(&change.set)?;
    Ok(change)
}

/// Facts 21.
// PVE: API2/Qemu.pm, $update_vm_api.
fn check_deletes(change: &Change, release: keys::Release) -> Result<(), Refusal> {
    let known = |key: &str| {
        key == "cdrom" || keys::find(key).is_some_and(|row| keys::reached(row.since, release))
    };
    for key in &change.revert {
        if !known(key) {
            return Err(Refusal::parameter("revert", format!("unknown option '{key}'")));
        }
        if change.set.contains_key(key) {
            let text = format!("you can't use '-{key}' and -revert {key}' at the same time");
            return Err(Refusal::parameter("delete", text));
        }
    }
    for key in &change.delete {
        if change.set.contains_key(key) {
            let text = format!("you can't use '-{key}' and -delete {key}' at the same time");
            return Err(Refusal::parameter("delete", text));
        }
        if change.revert.contains(key) {
            let text = format!("you can't use '-delete {key}' and -revert {key}' at the same time");
            return Err(Refusal::parameter("revert", text));
        }
        if !known(key) {
            return Err(Refusal::parameter("delete", format!("unknown option '{key}'")));
        }
    }
    Ok(())
}

/// Facts 26: only the task reports problems with the disk.
pub(super) fn resize(call: &mut Call) -> Reply {
    call.root_only(&["skiplock"])?;
    let vmid = call.vmid();
    let work = Work::Resize {
        vmid,
        disk: call.params.text("disk").to_owned(),
        size: call.params.text("size").to_owned(),
        digest: call.params.get("digest").map(str::to_owned),
    };
    call.fork("resize", vmid, work)
}

/// PVE: API2/Qemu.pm, move_vm_disk; facts-4 43.
pub(super) fn move_disk(call: &mut Call) -> Reply {
    let (node, vmid) = (call.node(), call.vmid());
    let said = |names: [&str; 2], text: &str| {
        let errors = names.map(|name| (name.to_owned(), Value::from(text)));
        Err(Refusal::parameters(errors.into_iter().collect()))
    };
    let both = ["target-vmid", "storage"];
    let storage = match (call.params.get("storage"), call.params.get("target-vmid")) {
        (Some(storage), None) => storage.to_owned(),
        (None, None) => {
            return said(both, "both 'storage' and 'target-vmid' missing, either needs to be set");
        }
        (Some(_), Some(_)) => {
            return said(both, "either set 'storage' or 'target-vmid', but not both");
        }
        (None, Some(_)) => {
            return Err(Refusal::unknown("pve-sim: a move to another VM is not served"));
        }
    };
    call.world.check(call.who, &format!("/storage/{storage}"), &["Datastore.AllocateSpace"])?;
    let wish = Move {
        disk: call.params.text("disk").to_owned(),
        storage,
        format: call.params.get("format").map(str::to_owned),
        delete: call.params.flag("delete"),
        digest: call.params.get("digest").map(str::to_owned),
    };
    call.world.movable(&node, vmid, &wish)?;
    call.fork("qmmove", vmid, Work::Move { vmid, wish })
}

/// PVE: API2/Qemu.pm, unlink: a config change with `delete`.
pub(super) fn unlink(call: &mut Call) -> Reply {
    let list = call.params.take("idlist").unwrap_or_default();
    call.params.0.insert("delete".to_owned(), list);
    put(call)
}
