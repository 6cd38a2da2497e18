//! The volumes of a storage: list, show, allocate, delete.
//! A pure module: does no I/O.
// PVE: pve-storage, API2/Storage/Content.pm.

use serde_json::{Value, json};

use super::Call;
use super::checks::volume_access;
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::disk;
use crate::pve_sim::world::storage::{Name, Volume};
use crate::pve_sim::world::work::Work;

/// Reference 8: the size of a file is its size on disk; there is no checksum.
pub(super) fn list(call: &mut Call) -> Reply {
    let node = call.node();
    let storage = call.params.text("storage").to_owned();
    call.world.storage(&storage, &node)?;
    let content = call.params.get("content");
    let vmid = call.params.get("vmid").and_then(|v| v.parse::<u32>().ok());
    let lines: Vec<Value> = call
        .world
        .volumes_on(&node, &storage)
        .filter_map(|volume| Some((volume, Name::parse(&volume.volid)?)))
        .filter(|(_, name)| content.is_none_or(|content| content == name.content))
        .filter(|(_, name)| vmid.is_none_or(|vmid| name.vmid == Some(vmid)))
        .filter(|(volume, _)| volume_access(call, None, &volume.volid).is_ok())
        .map(|(volume, name)| line(volume, &name))
        .collect();
    Ok(Value::Array(lines).into())
}

fn line(volume: &Volume, name: &Name) -> Value {
    let mut line = json!({
        "volid": volume.volid,
        "content": name.content,
        "format": volume.format,
        "size": volume.size,
        // No clock: the same in every run.
        "ctime": 1_760_000_000,
    });
    if let Some(vmid) = name.vmid {
        line["vmid"] = vmid.into();
    }
    line
}

/// `local:import/a.raw`, or the name without its storage.
fn volid(call: &Call) -> Result<String, Refusal> {
    let storage = call.params.text("storage");
    let volume = call.params.text("volume");
    match volume.split_once(':') {
        Some((named, _)) if named == storage => Ok(volume.to_owned()),
        Some((named, _)) => Err(Refusal::parameter(
            "volume",
            format!("storage ID mismatch ({storage} != {named})\n"),
        )),
        None => Ok(format!("{storage}:{volume}")),
    }
}

/// Facts 43; the size here is the virtual one (reference 8).
pub(super) fn get(call: &mut Call) -> Reply {
    let node = call.node();
    let volid = volid(call)?;
    call.world.storage(call.params.text("storage"), &node)?;
    volume_access(call, None, &volid)?;
    let volume = call
        .world
        .volume(&node, &volid)
        .ok_or_else(|| Refusal::die(format!("volume_size_info on '{volid}' failed - no format")))?;
    Ok(json!({
        "path": path(call, &volid),
        "size": volume.virtual_size(),
        "used": volume.used(),
        "format": volume.format,
    })
    .into())
}

fn path(call: &Call, volid: &str) -> String {
    let (id, name) = volid.split_once(':').unwrap_or_default();
    let Some(storage) = call.world.storages.get(id) else {
        return String::new();
    };
    let base = storage.path(id);
    match Name::parse(volid).map(|name| name.content) {
        Some("iso") => format!("{base}/template/{name}"),
        Some("images") if storage.has_path() => format!("{base}/images/{name}"),
        _ if storage.has_path() => format!("{base}/{name}"),
        _ => format!("/dev/{id}/{name}"),
    }
}

/// Facts 43: what is not there is deleted with success.
pub(super) fn delete(call: &mut Call) -> Reply {
    let node = call.node();
    let volid = volid(call)?;
    let storage = call.params.text("storage").to_owned();
    call.world.storage(&storage, &node)?;
    call.world.check(call.who, &format!("/storage/{storage}"), &["Datastore.Allocate"])?;
    if call.params.get("delay").is_some() {
        return Err(Refusal::unknown("pve-sim: delay is not served"));
    }
    let Some(name) = Name::parse(&volid) else {
        let file = volid.split_once(':').map_or("", |(_, file)| file);
        let text = format!("unable to parse directory volume name '{file}'\n");
        return Err(Refusal::parameter("volume", text));
    };
    let owner = name.vmid;
    if let Some(vm) = owner.and_then(|vmid| call.world.vms.get(&vmid)) {
        vm.check_protection(&format!("can't remove volume '{volid}' owned by VM"))?;
    }
    // PVE: Content.pm: the id is `vmid@storage` for a VM's volume, else the volume's name.
    let id = match owner {
        Some(vmid) => format!("{vmid}@{storage}"),
        None => storage,
    };
    call.fork("imgdel", id, Work::Delete { volid })
}

/// An empty disk image.
pub(super) fn allocate(call: &mut Call) -> Reply {
    let node = call.node();
    let storage = call.params.text("storage").to_owned();
    if !call.world.storage(&storage, &node)?.content.contains("images") {
        return Err(Refusal::die(format!("storage '{storage}' does not support 'images' content")));
    }
    let vmid = call.vmid();
    let name = call.params.text("filename").to_owned();
    let has_path = call.world.storage(&storage, &node)?.has_path();
    let volid =
        if has_path { format!("{storage}:{vmid}/{name}") } else { format!("{storage}:{name}") };
    let parsed = Name::parse(&volid).filter(|name| name.vmid == Some(vmid));
    let format = parsed
        .map(|name| name.format.to_owned())
        .ok_or_else(|| Refusal::die(format!("illegal name '{name}' - should be 'vm-{vmid}-*'")))?;
    if call.world.volume(&node, &volid).is_some() {
        return Err(Refusal::die(format!("disk image '{volid}' already exists")));
    }
    let text = call.params.text("size");
    // PVE: Content.pm: without a unit the number is KiB.
    let size = if text.ends_with(['M', 'G']) {
        disk::parse_size(text)
    } else {
        disk::parse_size(&format!("{text}K"))
    };
    let size =
        size.ok_or_else(|| Refusal::parameter("size", format!("unable to parse size '{text}'")))?;
    let volume = Volume { volid: volid.clone(), size, format, used: Some(0), ..Volume::default() };
    call.world.put_volume(&node, volume);
    Ok(Value::from(volid).into())
}
