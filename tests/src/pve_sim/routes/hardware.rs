//! The hardware for VMs: mappings of devices, CPU models, machine types.
//! A pure module: does no I/O.
// PVE: pve-manager, API2/Cluster/Mapping/*.pm; qemu-server, API2/Qemu/CPU.pm and Machine.pm.

use serde_json::{Value, json};

use super::{Call, flag};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::cpu;
use crate::pve_sim::world::normal;

pub(super) fn pci(call: &mut Call) -> Reply {
    mappings(call, "pci")
}

pub(super) fn usb(call: &mut Call) -> Reply {
    mappings(call, "usb")
}

pub(super) fn directories(call: &mut Call) -> Reply {
    mappings(call, "dir")
}

const VISIBLE_WITH: [&str; 3] = ["Mapping.Modify", "Mapping.Use", "Mapping.Audit"];

/// Returns the mappings on which the caller has any privilege.
fn mappings(call: &mut Call, kind: &str) -> Reply {
    let node = call.params.get("check-node");
    let may_see = |id: &str| {
        call.world.check_any(call.who, &format!("/mapping/{kind}/{id}"), &VISIBLE_WITH).is_ok()
    };
    Ok(Value::Array(call.world.mappings.rows(kind, may_see, node)).into())
}

/// Returns the models that QEMU knows, and the custom ones.
pub(super) fn models(call: &mut Call) -> Reply {
    let release = call.world.release();
    let with_abstract = release >= (9, 2);
    let mut rows: Vec<Value> = cpu::models(release)
        .map(|name| {
            let mut row =
                json!({ "name": name, "custom": flag(false), "vendor": cpu::vendor(name) });
            if with_abstract && cpu::is_abstract(name) {
                row["abstract"] = flag(true);
            }
            row
        })
        .collect();
    let all = call.world.may(call.who, "/nodes", &["Sys.Audit"]);
    for (name, reported) in &call.world.cpu_models {
        let path = format!("/mapping/cpu/{name}");
        let named = with_abstract && call.world.check_any(call.who, &path, &VISIBLE_WITH).is_ok();
        if all || named {
            let vendor = cpu::vendor(reported);
            rows.push(json!({
                "name": format!("custom-{name}"), "custom": flag(true), "vendor": vendor,
            }));
        }
    }
    Ok(Value::Array(rows).into())
}

/// Returns the machine types that QEMU knows, newest first.
// PVE: QemuServer/Machine.pm, $PVE_MACHINE_VERSION.
pub(super) fn machines(call: &mut Call) -> Reply {
    if call.params.get("arch").is_some_and(|arch| arch != "x86_64") {
        return Err(Refusal::unknown("pve-sim: machines of another architecture are not served"));
    }
    let versions = [
        (normal::MACHINE, None),
        ("10.0+pve1", Some(MTU)),
        ("10.0", None),
        ("9.2+pve1", Some(SLEEP)),
        ("9.2", None),
        ("9.1", None),
        ("9.0", None),
        ("8.2", None),
    ];
    let mut rows = Vec::new();
    for (kind, stem) in [("q35", "pc-q35"), ("i440fx", "pc-i440fx")] {
        for (version, changes) in versions {
            let mut row =
                json!({ "id": format!("{stem}-{version}"), "type": kind, "version": version });
            if let Some(changes) = changes {
                row["changes"] = changes.into();
            }
            rows.push(row);
        }
    }
    Ok(Value::Array(rows).into())
}

const MTU: &str = "Set host_mtu vNIC option even with default value for migration compat.";
const SLEEP: &str = "Disables S3/S4 power states by default.";
