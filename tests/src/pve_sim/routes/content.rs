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
    call.world.activate(&storage, &node)?;
    let content = call.params.get("content");
    let vmid = call.params.get("vmid").and_then(|v| v.parse::<u32>().ok());
    let copies = call.world.copies(&node, &storage);
    let is_copied = |volume: &&Volume| copies.iter().any(|copy| copy.volid == volume.volid);
    let lines: Vec<Value> = call
        .world
        .volumes_on(&node, &storage)
        .filter(|volume| !is_copied(volume))
        .chain(&copies)
        .filter_map(|volume| Some((volume, Name::parse(&volume.volid)?)))
        .filter(|(_, name)| content.is_none_or(|content| content == name.content))
        // PVE: Storage.pm, volume_list: of the files, `vmid` leaves those to import.
        .filter(|(_, name)| {
            vmid.is_none_or(|vmid| name.vmid == Some(vmid) || name.content == "import")
        })
        // PVE: Storage/Plugin.pm, $get_subdir_files: a glob finds no hidden file.
        .filter(|(volume, _)| !volume.volid.contains("/."))
        .filter(|(volume, _)| volume_access(call, None, &volume.volid).is_ok())
        .map(|(volume, name)| line(volume, &name, call.world.parent_of(&volume.volid)))
        .collect();
    Ok(Value::Array(lines).into())
}

/// The default creation time of a volume. Not the clock: it is the same in every run.
const CTIME: u64 = 1_760_000_000;

fn line(volume: &Volume, name: &Name, parent: Option<String>) -> Value {
    let mut line = json!({
        "volid": volume.volid,
        "content": name.content,
        "format": volume.format,
        "size": volume.size,
        "ctime": volume.ctime.unwrap_or(CTIME),
    });
    if let Some(vmid) = name.vmid {
        line["vmid"] = vmid.into();
        line["used"] = volume.used().into();
        line["parent"] = parent.into();
    }
    line
}

/// `local:import/a.raw`, or the name without its storage.
fn volid(call: &Call) -> Result<String, Refusal> {
    let storage = call.params.text("storage");
    let volume = call.params.text("volume");
    match volume.split_once(':') {
        Some((_, "")) => {
            Err(Refusal::parameter("volume", format!("unable to parse volume ID '{volume}'\n")))
        }
        Some((named, _)) if named == storage => Ok(volume.to_owned()),
        Some((named, _)) => Err(Refusal::parameter(
            "volume",
            format!("storage ID mismatch ({named} != {storage})\n"),
        )),
        None => Ok(format!("{storage}:{volume}")),
    }
}

/// Facts 43; the size here is the virtual one (reference 8).
pub(super) fn get(call: &mut Call) -> Reply {
    let node = call.node();
    let volid = volid(call)?;
    let name = parsed(call, &volid)?;
    volume_access(call, None, &volid)?;
    let volume = call
        .world
        .volume(&node, &volid)
        .ok_or_else(|| Refusal::die(format!("volume_size_info on '{volid}' failed - no format")))?;
    // PVE: Content.pm, info.
    if volume.virtual_size() == 0 {
        return Err(Refusal::die(format!("volume '{volid}' has size zero")));
    }
    let path = call.world.storages.get(name.storage).map(|storage| storage.file(&volid));
    let format = match name.content {
        "images" | "import" => volume.format.as_str(),
        _ => "raw",
    };
    Ok(json!({
        "path": path,
        "size": volume.virtual_size(),
        "used": volume.used(),
        "format": format,
    })
    .into())
}

// PVE: pve-storage, Storage/Plugin.pm, parse_volname; the storage itself is not asked yet.
fn parsed<'a>(call: &Call, volid: &'a str) -> Result<Name<'a>, Refusal> {
    super::checks::content_of(call, volid)?;
    Name::parse(volid).ok_or_else(|| Refusal::die(format!("unable to parse volume ID '{volid}'")))
}

/// Facts 43: deleting a missing volume succeeds.
pub(super) fn delete(call: &mut Call) -> Reply {
    let volid = volid(call)?;
    let storage = call.params.text("storage").to_owned();
    let owner = parsed(call, &volid)?.vmid;
    call.world.check(call.who, &format!("/storage/{storage}"), &["Datastore.Allocate"])?;
    if call.params.get("delay").is_some() {
        return Err(Refusal::unknown("pve-sim: delay is not served"));
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
    call.world.activate(&storage, &node)?;
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
