//! The commands of `pveum` that give a token what it needs. Does no I/O.

use super::{Need, ON_DISKS, ZONE_PLACEHOLDER};
use crate::cli::WaitFor;
use machine::token::{CLONE, MIGRATE, ON_IMAGES, ON_VMS};
use pve_client::Permissions;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The user and token that get privileges, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The user, as `iac@pve`.
    pub user: String,
    /// The token's name.
    pub token: String,
    /// What is needed.
    pub needs: BTreeSet<Need>,
    /// What clones would need besides, on VMs and templates, if it is unknown whether there are any.
    pub clones: BTreeSet<&'static str>,
    /// What a wait asks a guest's agent for.
    pub wait: WaitFor,
}

/// The roles in the order in which they are printed.
const ROLES: [&str; 13] = [
    VMS,
    DISKS,
    IMAGES,
    MEDIA,
    BRIDGE,
    NETWORKS,
    VNETS,
    OTHER_VNETS,
    ZONES,
    "PipelineMappings",
    "PipelinePools",
    "PipelineNodes",
    "PipelineConsole",
];
const VMS: &str = "PipelineVMs";
const DISKS: &str = "PipelineDisks";
const IMAGES: &str = "PipelineImages";
const MEDIA: &str = "PipelineMedia";
const BRIDGE: &str = "PipelineBridges";
/// SDN as a whole: the site's networks are changed there.
const NETWORKS: &str = "PipelineNetworks";
/// A vnet of the site's networks, which guests use.
const VNETS: &str = "PipelineVnets";
/// A vnet of others, which guests use, besides networks of the site.
const OTHER_VNETS: &str = "PipelineOtherVnets";
/// A zone of others, which is only looked at.
const ZONES: &str = "PipelineZones";
/// Printed last, and as a comment when no VM is known to need it.
const STARTUP: &str = "PipelineStartup";
const ON_STARTUP: &str = "Sys.Modify";

/// Returns the role that has these privileges on a path.
fn role(path: &str, privileges: &[&str]) -> &'static str {
    let folder = path.split('/').nth(1).unwrap_or_default();
    match folder {
        "vms" => VMS,
        "storage" if privileges.iter().all(|privilege| *privilege == "Datastore.Audit") => MEDIA,
        "storage" if privileges.iter().all(|privilege| ON_DISKS.contains(privilege)) => DISKS,
        "storage" => IMAGES,
        "sdn" => role_of_sdn(privileges),
        "mapping" => "PipelineMappings",
        "pool" => "PipelinePools",
        "nodes" => "PipelineNodes",
        _ if privileges.contains(&ON_STARTUP) => STARTUP,
        _ => "PipelineConsole",
    }
}

/// Returns the role for a path of SDN.
fn role_of_sdn(privileges: &[&str]) -> &'static str {
    let has = |privilege: &str| privileges.contains(&privilege);
    match (has("SDN.Allocate"), has("SDN.Use"), has("SDN.Audit")) {
        (true, true, _) => VNETS,
        (true, false, _) => NETWORKS,
        (false, true, true) => OTHER_VNETS,
        (false, true, false) => BRIDGE,
        (false, false, _) => ZONES,
    }
}

/// Returns the command, for root on a node, that grants a token these privileges on a path.
pub(crate) fn command_for(
    path: &str,
    privileges: &[&str],
    token_id: &str,
    permissions: &Permissions,
) -> String {
    let has_role = has_role(path, privileges, permissions);
    let user = shell_word(token_id.rsplit_once('!').map_or(token_id, |(user, _)| user));
    let token_id = quoted(token_id);
    let role = role(path, privileges);
    let list = privileges.join(",");
    // What only some VMs need is in no role that was made for all of them.
    let is_optional = |privilege: &&str| super::is_of_agent(privilege) || *privilege == MIGRATE;
    if has_role || privileges.iter().all(is_optional) {
        return format!("run on a node: pveum role modify {role} --append --privs {list}");
    }
    let path = given_on(path);
    let propagate = propagation(path);
    let acl = format!(
        "pveum acl modify {path} --users {user} --tokens {token_id} --roles {role}{propagate}"
    );
    if role == STARTUP {
        return format!("run on a node: pveum role add {role} --privs {list}; {acl}");
    }
    format!("run on a node: {acl} (`pve-apply privileges` prints the roles)")
}

/// Returns whether a token already has some of the privileges of the role that a path's privileges are in.
fn has_role(path: &str, privileges: &[&str], permissions: &Permissions) -> bool {
    let known: &[&str] = match role(path, privileges) {
        VMS => &ON_VMS,
        DISKS | IMAGES => &ON_IMAGES,
        _ => return false,
    };
    let path = given_on(path);
    known
        .iter()
        .any(|privilege| super::has(permissions, &Need { path: path.to_owned(), privilege }))
}

/// Returns a word for a shell, in quotes.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Returns a word for a shell, in quotes where it needs them.
fn shell_word(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"@._-+".contains(&b);
    if word.bytes().all(plain) { word.to_owned() } else { quoted(word) }
}

/// Returns where a privilege is granted. PVE removes every entry on `/vms/VMID` when it destroys the VM,
/// so what one VM needs is granted on all.
// PVE: reference 5; qemu-server, API2/Qemu.pm, destroy_vm.
fn given_on(path: &str) -> &str {
    if path.starts_with("/vms") { "/vms" } else { path }
}

/// On `/` without propagation: nodes, storages and VMs are left out.
fn propagation(path: &str) -> &'static str {
    if path == "/" { " --propagate 0" } else { "" }
}

/// Role → its privileges and where it is granted.
type Roles<'a> = BTreeMap<&'static str, (BTreeSet<&'static str>, BTreeSet<&'a str>)>;

fn roles(needs: &BTreeSet<Need>) -> Roles<'_> {
    let mut of_path: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
    for need in needs {
        // The privileges on `/` serve different purposes, which not every site has.
        let path = given_on(&need.path);
        of_path.entry(path).or_default().push(need.privilege);
    }
    // What is granted above propagates, unless a path has an entry of its own.
    let inherited: Vec<&str> = of_path
        .iter()
        .filter(|(path, own)| inherits(&of_path, path, own))
        .map(|(p, _)| *p)
        .collect();
    of_path.retain(|path, _| !inherited.contains(path));
    let mut roles = Roles::new();
    for (path, privileges) in &of_path {
        let parts: Vec<&[&'static str]> =
            if *path == "/" { privileges.chunks(1).collect() } else { vec![privileges] };
        for part in parts {
            let (all, paths) = roles.entry(role(path, part)).or_default();
            all.extend(part);
            paths.insert(path);
        }
    }
    roles
}

/// Returns whether a path of SDN gets all that it needs from `/sdn`.
fn inherits(of_path: &BTreeMap<&str, Vec<&'static str>>, path: &str, own: &[&str]) -> bool {
    let above = of_path.get("/sdn").filter(|_| path.starts_with("/sdn/"));
    above.is_some_and(|above| own.iter().all(|privilege| above.contains(privilege)))
}

/// Returns the commands, for root on a node, that grant a token what it needs and no more.
pub(crate) fn commands(scope: &Scope) -> String {
    let Scope { user, token, needs, clones, wait } = scope;
    let token_id = quoted(&format!("{user}!{token}"));
    let user = shell_word(user);
    let roles = roles(needs);
    let known = || ROLES.iter().filter_map(|role| Some((role, roles.get(role)?)));
    let mut out = String::from(
        "# Roles: what pve-apply and image-publish need. Of one that exists:\n\
         #   pveum role modify ROLE --append --privs \"PRIVILEGES\"\n",
    );
    for (role, (privileges, _)) in known() {
        let list = privileges.iter().copied().collect::<Vec<_>>().join(",");
        // Writing into a String cannot fail.
        let _ = writeln!(out, "pveum role add {role} --privs \"{list}\"");
    }
    let _ = writeln!(out, "# A user and a token, which has only what both are granted.");
    let _ = writeln!(out, "pveum user add {user}");
    let _ = writeln!(out, "pveum user token add {user} {token} --privsep 1");
    let _ = writeln!(out, "# Who may do what, where.");
    out.push_str(&zones(needs));
    let give = |path: &str, role: &str| {
        let propagate = propagation(path);
        format!(
            "pveum acl modify {path} --users {user} --tokens {token_id} --roles {role}{propagate}\n"
        )
    };
    for (role, (_, paths)) in known() {
        paths.iter().for_each(|path| out.push_str(&give(path, role)));
    }
    // A comment where no VM is known to need it.
    let (word, mark) = if roles.contains_key(STARTUP) { ("For", "") } else { ("Only for", "#   ") };
    let _ = write!(
        out,
        "# {word} VMs with `startup`. {ON_STARTUP} on / allows more than that: to change the cluster's options, for one.\n\
         {mark}pveum role add {STARTUP} --privs {ON_STARTUP}\n{mark}{}",
        give("/", STARTUP)
    );
    out.push_str(&for_wait(*wait));
    let _ = write!(
        out,
        "# Only for `--allow-migrate`:\n#   pveum role modify {VMS} --append --privs \"{MIGRATE}\"\n"
    );
    out.push_str(&for_clones(needs, clones, &roles));
    out.push_str(&format!(
        "# Only for images that the node itself downloads:\n\
         #   pveum role add PipelineDownloads --privs Sys.AccessNetwork\n\
         #   pveum acl modify /nodes/NODE --users {user} --tokens {token_id} --roles PipelineDownloads\n"
    ));
    out
}

/// Returns, as comments, what clones need, and what shows their volumes; nothing where no VM is cloned.
// PVE: facts-4, 37: without it, the list of a storage's disks is empty.
fn for_clones(
    needs: &BTreeSet<Need>,
    clones: &BTreeSet<&'static str>,
    roles: &Roles<'_>,
) -> String {
    let has_clones = needs.iter().any(|need| need.privilege == CLONE);
    let given = roles.get(VMS).map(|(privileges, _)| privileges);
    let missing =
        clones.iter().filter(|privilege| given.is_none_or(|all| !all.contains(*privilege)));
    let missing: Vec<&str> = missing.copied().collect();
    if missing.is_empty() && !has_clones {
        return String::new();
    }
    let for_all = match missing.as_slice() {
        [] => String::new(),
        list => format!(
            "# Only for clones; of the template of an image, {CLONE} is enough:\n\
             #   pveum role modify {VMS} --append --privs \"{}\"\n",
            list.join(",")
        ),
    };
    // A storage of both disks and images has the role of images.
    let role = if roles.contains_key(DISKS) { DISKS } else { IMAGES };
    format!(
        "{for_all}# Only for the number of a template's clones in `image-publish list`, and for volumes that killed clones have left:\n\
         #   pveum role modify {role} --append --privs \"Datastore.Audit\"\n"
    )
}

/// Returns the commands for a wait; as comments when none is asked for.
fn for_wait(wait: WaitFor) -> String {
    let add =
        |privileges: &str| format!("pveum role modify {VMS} --append --privs \"{privileges}\"\n");
    let privileges = |wait| {
        let list = super::of_wait(wait, None, true).into_iter().map(|need| need.privilege);
        list.collect::<Vec<_>>().join(",")
    };
    match wait {
        WaitFor::None => format!(
            "# Only for `--wait agent`, and for `--wait ssh` with DHCP; on PVE 8 it is VM.Monitor:\n#   {}\
             # Only for `--wait cloud-init` and `wait --pve`; on PVE 8 it is VM.Monitor:\n#   {}",
            add(&privileges(WaitFor::Agent)),
            add(&privileges(WaitFor::CloudInit)),
        ),
        _ => format!("# For the wait; on PVE 8 it is VM.Monitor.\n{}", add(&privileges(wait))),
    }
}

/// The placeholder for a bridge where no document names one.
pub(crate) const BRIDGE_PLACEHOLDER: &str = "BRIDGE";

/// Returns what to write for an unknown zone.
fn zones(needs: &BTreeSet<Need>) -> String {
    let name = |need: &Need| {
        let (above, name) = need.path.rsplit_once('/')?;
        (super::networks::is_placeholder(&need.path) && above.ends_with(ZONE_PLACEHOLDER))
            .then(|| name.to_owned())
    };
    let names: BTreeSet<String> = needs.iter().filter_map(name).collect();
    let names: Vec<String> = names.into_iter().collect();
    if !names.is_empty() {
        return format!(
            "# Replace {ZONE_PLACEHOLDER} with the zone of the VNet, or with localnetwork for a bridge: {}.\n\
             # `pvesh get /cluster/sdn/vnets` lists VNets with their zones.\n",
            names.join(", ")
        );
    }
    let is_placeholder = |need: &Need| need.path.ends_with(BRIDGE_PLACEHOLDER);
    match needs.iter().any(is_placeholder) {
        true => format!("# For a VNet the path is /sdn/zones/{ZONE_PLACEHOLDER}/VNET.\n"),
        false => String::new(),
    }
}
