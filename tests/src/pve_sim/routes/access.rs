//! The caller's own permissions, and pools.
//! A pure module: does no I/O.
// PVE: pve-access-control, API2/AccessControl.pm; pve-manager, API2/Pool.pm.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Call, flag};
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::world::Pool;
use crate::pve_sim::world::access::{Who, levels};

/// Returns path → privilege → whether it propagates.
pub(super) fn permissions(call: &mut Call) -> Reply {
    let asked = call.params.get("userid").unwrap_or(&call.who.authid);
    let who = Who { authid: asked.to_owned() };
    if who.authid != call.who.authid && who.user() != call.who.authid {
        call.world.check(call.who, "/access", &["Sys.Audit"])?;
    }
    let mut paths: BTreeSet<String> = match call.params.get("path") {
        Some(path) => BTreeSet::from([path.to_owned()]),
        None => {
            // PVE: RPCEnvironment.pm, get_effective_permissions: these always, and each ACL's.
            let always =
                ["/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"];
            let mut paths: BTreeSet<String> = always.map(str::to_owned).into();
            for pool in call.world.pools.values() {
                paths.extend(pool.vms.iter().map(|vmid| format!("/vms/{vmid}")));
                paths.extend(pool.storages.iter().map(|id| format!("/storage/{id}")));
            }
            let entries = call.world.access.acl.iter();
            // Each parent of an entry is a path too.
            paths.extend(entries.flat_map(|entry| levels(&entry.path)).map(str::to_owned));
            paths
        }
    };
    let mut shown = Map::new();
    for path in std::mem::take(&mut paths) {
        let here = call.world.privileges(&who, &path);
        // PVE: AccessControl.pm, permissions: a requested path is always shown.
        if !here.is_empty() || call.params.get("path").is_some() {
            let all = here.into_iter().map(|privilege| (privilege, flag(true)));
            shown.insert(path, Value::Object(all.collect()));
        }
    }
    Ok(Value::Object(shown).into())
}

pub(super) fn pools(call: &mut Call) -> Reply {
    if call.params.get("poolid").is_some() {
        return Ok(Value::Array(vec![pool(call)?.data]).into());
    }
    let pools = call.world.pools.iter();
    let lines = pools
        .filter(|(id, _)| call.world.may(call.who, &format!("/pool/{id}"), &["Pool.Audit"]))
        .map(|(id, pool)| match &pool.comment {
            Some(comment) => json!({ "poolid": id, "comment": comment }),
            None => json!({ "poolid": id }),
        });
    Ok(Value::Array(lines.collect()).into())
}

pub(super) fn pool(call: &mut Call) -> Reply {
    let id = call.params.text("poolid");
    let pool = call.world.pools.get(id).ok_or_else(|| missing(id))?;
    let vms = pool.vms.iter().filter_map(|vmid| {
        let vm = call.world.vms.get(vmid)?;
        Some(json!({ "id": format!("qemu/{vmid}"), "type": "qemu", "vmid": vmid, "node": vm.node, "name": vm.name(*vmid) }))
    });
    let storages = pool
        .storages
        .iter()
        .map(|id| json!({ "id": format!("storage/{id}"), "type": "storage", "storage": id }));
    let members: Vec<Value> = vms.chain(storages).collect();
    let mut shown = json!({ "poolid": id, "members": members });
    if let Some(comment) = &pool.comment {
        shown["comment"] = comment.clone().into();
    }
    Ok(shown.into())
}

fn missing(id: &str) -> Refusal {
    Refusal::die(format!("pool '{id}' does not exist"))
}

fn failed(verb: &str, cause: &str) -> Refusal {
    Refusal::die(format!("{verb} failed: {cause}"))
}

/// Takes the cluster's lock for users and pools.
fn lock_users(call: &Call) -> Result<(), String> {
    call.world.check_cluster_lock("file-user_cfg")
}

pub(super) fn create_pool(call: &mut Call) -> Reply {
    let id = call.params.text("poolid").to_owned();
    lock_users(call).map_err(|cause| failed("create pool", &cause))?;
    if call.world.pools.contains_key(&id) {
        return Err(failed("create pool", &format!("pool '{id}' already exists")));
    }
    if let Some((parent, _)) = id.rsplit_once('/')
        && !call.world.pools.contains_key(parent)
    {
        let text = format!("parent '{parent}' of pool '{id}' does not exist");
        return Err(failed("create pool", &text));
    }
    let comment = call.params.get("comment").map(str::to_owned);
    call.world.pools.insert(id, Pool { comment, ..Pool::default() });
    Ok(Value::Null.into())
}

/// Changes a pool, all or nothing: any refusal, including of privileges, fails the whole request.
pub(super) fn change_pool(call: &mut Call) -> Reply {
    lock_users(call).map_err(|cause| failed("update pools", &cause))?;
    let mut pools = call.world.pools.clone();
    // PVE: pve-access-control, AccessControl.pm, lock_user_config: the text of a refusal is appended
    // to that of the request, and its status is lost.
    let changed = update_pool(call, &mut pools);
    changed.map_err(|refusal| failed("update pools", &refusal.in_task()))?;
    call.world.pools = pools;
    Ok(Value::Null.into())
}

fn update_pool(call: &Call, pools: &mut BTreeMap<String, Pool>) -> Result<(), Refusal> {
    let (params, id) = (&call.params, call.params.text("poolid"));
    let pool = pools.get_mut(id).ok_or_else(|| missing(id))?;
    if let Some(comment) = params.get("comment") {
        pool.comment = Some(comment.to_owned());
    }
    for word in params.list("vms") {
        let vmid: u32 = word.parse().unwrap_or_default();
        // PVE: RPCEnvironment.pm, check_perm_modify.
        let any = ["Permissions.Modify", "VM.Allocate"];
        call.world.check_any(call.who, &format!("/vms/{vmid}"), &any)?;
        move_member(call, pools, id, vmid)?;
    }
    for word in params.list("storage") {
        let any = ["Permissions.Modify", "Datastore.Allocate"];
        call.world.check_any(call.who, &format!("/storage/{word}"), &any)?;
        let pool = pools.get_mut(id).ok_or_else(|| missing(id))?;
        match (params.flag("delete"), pool.storages.iter().any(|member| member == word)) {
            (true, true) => pool.storages.retain(|member| member != word),
            (false, false) => pool.storages.push(word.to_owned()),
            (true, false) => {
                return Err(Refusal::die(format!("Storage '{word}' is not a pool member")));
            }
            (false, true) => {
                return Err(Refusal::die(format!("Storage '{word}' is already a pool member")));
            }
        }
    }
    Ok(())
}

/// Adds a VM to a pool or removes it; PVE does not check that the VM exists.
fn move_member(
    call: &Call,
    pools: &mut BTreeMap<String, Pool>,
    id: &str,
    vmid: u32,
) -> Result<(), Refusal> {
    let owner = pools.iter().find(|(_, pool)| pool.vms.contains(&vmid));
    let owner = owner.map(|(name, _)| name.clone());
    match (call.params.flag("delete"), &owner) {
        (true, Some(owner)) if owner == id => {}
        (true, _) => return Err(Refusal::die(format!("VM {vmid} is not a pool member"))),
        (false, Some(owner)) if owner == id => {
            return Err(Refusal::die(format!("VM {vmid} is already a pool member")));
        }
        (false, Some(owner)) if !call.params.flag("allow-move") => {
            return Err(Refusal::die(format!(
                "VM {vmid} belongs already to pool '{owner}' and 'allow-move' is not set"
            )));
        }
        (false, Some(owner)) => {
            call.world.check(call.who, &format!("/pool/{owner}"), &["Pool.Allocate"])?;
        }
        (false, None) => {}
    }
    for pool in pools.values_mut() {
        pool.vms.retain(|member| *member != vmid);
    }
    if let (false, Some(pool)) = (call.params.flag("delete"), pools.get_mut(id)) {
        pool.vms.push(vmid);
    }
    Ok(())
}

pub(super) fn delete_pool(call: &mut Call) -> Reply {
    let id = call.params.text("poolid").to_owned();
    let fail = |cause: String| Err(failed("delete pool", &cause));
    lock_users(call).map_err(|cause| failed("delete pool", &cause))?;
    let Some(pool) = call.world.pools.get(&id) else {
        return fail(format!("pool '{id}' does not exist"));
    };
    let inside = |name: &&String| name.strip_prefix(&id).is_some_and(|rest| rest.starts_with('/'));
    if let Some(inner) = call.world.pools.keys().find(inside) {
        return fail(format!("pool '{id}' is not empty (contains pool '{inner}')"));
    }
    if let Some(vmid) = pool.vms.iter().min() {
        return fail(format!("pool '{id}' is not empty (contains VM {vmid})"));
    }
    if let Some(storage) = pool.storages.iter().min() {
        return fail(format!("pool '{id}' is not empty (contains storage '{storage}')"));
    }
    call.world.pools.remove(&id);
    Ok(Value::Null.into())
}
