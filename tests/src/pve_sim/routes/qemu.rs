//! VMs of a node: list, create, destroy.
//! A pure module: does no I/O.
// PVE: qemu-server, API2/Qemu.pm.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::checks::{
    check_bridges, check_devices, check_drives, check_keys, check_model, check_storages,
};
use super::{Call, flag};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::property::Properties;
use crate::pve_sim::world::disk;
use crate::pve_sim::world::needs::{Target, Write};
use crate::pve_sim::world::vm::Vm;
use crate::pve_sim::world::work::Work;

/// Facts 31 and 54: always up to date, and filtered.
pub(super) fn list(call: &mut Call) -> Reply {
    let node = call.node();
    let lines = call
        .world
        .vms
        .iter()
        .filter(|(_, vm)| vm.node == node)
        .filter(|(vmid, _)| call.world.may(call.who, &format!("/vms/{vmid}"), &["VM.Audit"]))
        .map(|(vmid, vm)| {
            let mut line = line(*vmid, vm);
            // PVE: QemuServer.pm, vmstatus: only the full list queries QEMU.
            if call.params.flag("full") {
                line["qmpstatus"] = vm.qmpstatus().into();
            }
            line
        });
    Ok(Value::Array(lines.collect()).into())
}

/// Returns the fields that lists and status share.
pub(super) fn line(vmid: u32, vm: &Vm) -> Value {
    let number = |key: &str| vm.config.get(key).and_then(|v| v.parse::<u64>().ok());
    let mut line = json!({
        "vmid": vmid,
        "name": vm.name(vmid),
        "status": if vm.running { "running" } else { "stopped" },
        "cpus": number("cores").unwrap_or(1) * number("sockets").unwrap_or(1),
        "maxmem": number("memory").unwrap_or(512) << 20,
        "maxdisk": max_disk(vm),
        "mem": 0, "disk": 0, "cpu": 0, "diskread": 0, "diskwrite": 0, "netin": 0, "netout": 0,
        "uptime": if vm.running { 100 } else { 0 },
    });
    for key in ["tags", "lock"] {
        if let Some(value) = vm.config.get(key) {
            line[key] = value.clone().into();
        }
    }
    if vm.running {
        line["pid"] = (4000 + vmid).into();
    }
    if vm.is_set("template") {
        line["template"] = flag(true);
    }
    line
}

/// Returns the size of the first disk.
pub(super) fn max_disk(vm: &Vm) -> u64 {
    vm.config
        .iter()
        .filter(|(key, _)| disk::is_drive(key))
        .map(|(_, text)| Properties::read(text, "file"))
        .filter(|drive| !disk::is_cdrom(drive))
        .find_map(|drive| disk::parse_size(drive.get("size")?))
        .unwrap_or(0)
}

/// Returns the same for every vmid, even if the VM does not exist.
pub(super) fn index(_call: &mut Call) -> Reply {
    let names = ["config", "pending", "status", "agent", "resize", "unlink"];
    Ok(Value::Array(names.map(|name| json!({ "subdir": name })).into()).into())
}

/// Parameters of a create request that are not config keys.
const NOT_CONFIG: [&str; 11] = [
    "archive",
    "bwlimit",
    "force",
    "ha-managed",
    "import-working-storage",
    "live-restore",
    "node",
    "pool",
    "start",
    "storage",
    "unique",
];
/// Parameters of a create that the simulator does not support.
const NOT_SERVED: [&str; 3] = ["archive", "ha-managed", "live-restore"];

/// Facts 13, 14, 16, 17, 18: what is refused at once, and what only the task reports.
pub(super) fn create(call: &mut Call) -> Reply {
    let (node, vmid) = (call.node(), call.vmid());
    let mut config: BTreeMap<String, String> = call.params.0.clone();
    config.retain(|key, _| !NOT_CONFIG.contains(&key.as_str()) && key != "vmid");
    call.world.check_quorum()?;
    check_ssh_keys(&config)?;
    let pool = call.params.get("pool").map(str::to_owned);
    if let Some(pool) = &pool
        && !call.world.pools.contains_key(pool)
    {
        // PVE: facts 54; RPCEnvironment.pm, check_pool_exist.
        return Err(Refusal::permission(&format!("pool '{pool}' does not exist")));
    }
    let start = call.params.flag("start");
    if start {
        call.world.check_vm(call.who, vmid, pool.as_deref(), &["VM.PowerMgmt"])?;
    }
    // PVE: facts 53.
    if call.world.check_vm(call.who, vmid, pool.as_deref(), &["VM.Allocate"]).is_err() {
        return Err(Refusal::permission_unnamed());
    }
    // PVE: API2/Qemu.pm, create_vm; facts-3 4.1.
    if call.params.flag("ha-managed") {
        call.world.check(call.who, "/", &["Sys.Console"])?;
    }
    for name in NOT_SERVED {
        if call.params.get(name).is_some() {
            return Err(Refusal::unknown(format!("pve-sim: create with '{name}' is not served")));
        }
    }
    put_cdrom(&mut config);
    let on = Target { who: call.who, vmid, pool: pool.as_deref(), write: Write::Create };
    check_storages(call, &on, &config)?;
    check_keys(call, &on, config.keys())?;
    check_devices(call, &on, &config)?;
    check_bridges(call, &config)?;
    check_model(call, &on, &config, None)?;
    check_drives(&config)?;
    call.world.claim(&node, vmid)?;
    for (key, value) in &mut config {
        if key.starts_with("net") && disk_number(key) {
            *value = call.world.print_net(vmid, key, value);
        }
    }
    call.fork("qmcreate", vmid, Work::Create { vmid, params: config, start, pool })
}

/// Renames `cdrom`, an alias of `ide2`.
// PVE: API2/Qemu.pm, $resolve_cdrom_alias.
pub(super) fn put_cdrom(config: &mut BTreeMap<String, String>) {
    if let Some(mut value) = config.remove("cdrom") {
        if !value.contains("media=") {
            value.push_str(",media=cdrom");
        }
        config.insert("ide2".to_owned(), value);
    }
}

fn disk_number(key: &str) -> bool {
    key.trim_start_matches("net").bytes().all(|b| b.is_ascii_digit()) && key != "net"
}

/// Facts 15: the value is percent-encoded twice.
pub(super) fn check_ssh_keys(config: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let Some(keys) = config.get("sshkeys") else {
        return Ok(());
    };
    let text = crate::pve_sim::request::unescape(keys);
    let good = |line: &str| {
        let line = line.trim();
        line.is_empty()
            || line.starts_with('#')
            || ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| line.contains(kind))
    };
    if text.lines().all(good) {
        return Ok(());
    }
    Err(Refusal::die("SSH public key validation error"))
}

/// Facts 28.
pub(super) fn destroy(call: &mut Call) -> Reply {
    let (node, vmid) = (call.node(), call.vmid());
    call.root_only(&["skiplock"])?;
    let unreferenced = call.params.flag("destroy-unreferenced-disks");
    let purge = call.params.flag("purge");
    call.world.destroyable(&node, vmid, purge)?;
    call.fork("qmdestroy", vmid, Work::Destroy { vmid, unreferenced, purge })
}
