//! Permissions: users, tokens, roles, ACLs.
//! A pure module: does no I/O.
// PVE: pve-access-control, AccessControl.pm (roles, permissions), RPCEnvironment.pm.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::World;
use crate::pve_sim::answer::Refusal;

/// Users, tokens, roles and ACLs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Roles of this world: name → privileges. PVE's built-in ones need no entry.
    pub roles: BTreeMap<String, BTreeSet<String>>,
    /// Users by `name@realm`.
    pub users: BTreeMap<String, User>,
    /// Tokens by `user@realm!id`.
    pub tokens: BTreeMap<String, Token>,
    /// Who has which role on which path.
    pub acl: Vec<AclEntry>,
}

/// A user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// A disabled user's tokens do not authenticate.
    pub enable: bool,
}

/// An API token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// The UUID.
    pub secret: String,
    /// Whether it is privilege-separated: it has only what both it and its user have (facts 51).
    pub privsep: bool,
    /// An expired token does not authenticate.
    pub expired: bool,
}

/// One line of the ACL.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AclEntry {
    /// Such as `/storage/local`.
    pub path: String,
    /// A user, or a token with its `!`.
    pub who: String,
    /// A role's name.
    pub role: String,
    /// Whether it propagates below the path.
    #[serde(default = "yes")]
    pub propagate: bool,
}

fn yes() -> bool {
    true
}

impl Default for User {
    fn default() -> Self {
        Self { enable: true }
    }
}

impl Default for Token {
    fn default() -> Self {
        Self { secret: String::new(), privsep: true, expired: false }
    }
}

/// Every privilege of PVE 9.
// PVE: pve-access-control, AccessControl.pm, $privgroups.
pub(crate) const ALL: [&str; 47] = [
    "Datastore.Allocate",
    "Datastore.AllocateSpace",
    "Datastore.AllocateTemplate",
    "Datastore.Audit",
    "Group.Allocate",
    "Mapping.Audit",
    "Mapping.Modify",
    "Mapping.Use",
    "Permissions.Modify",
    "Pool.Allocate",
    "Pool.Audit",
    "Realm.Allocate",
    "Realm.AllocateUser",
    "SDN.Allocate",
    "SDN.Audit",
    "SDN.Use",
    "Sys.AccessNetwork",
    "Sys.Audit",
    "Sys.Console",
    "Sys.Incoming",
    "Sys.Modify",
    "Sys.PowerMgmt",
    "Sys.Syslog",
    "User.Modify",
    "VM.Allocate",
    "VM.Audit",
    "VM.Backup",
    "VM.Clone",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Console",
    "VM.GuestAgent.Audit",
    "VM.GuestAgent.FileRead",
    "VM.GuestAgent.FileSystemMgmt",
    "VM.GuestAgent.FileWrite",
    "VM.GuestAgent.Unrestricted",
    "VM.Migrate",
    "VM.PowerMgmt",
    "VM.Replicate",
    "VM.Snapshot",
    "VM.Snapshot.Rollback",
];

/// PVE's built-in roles, as far as tests use them.
// PVE: pve-access-control, AccessControl.pm, create_roles.
fn builtin(role: &str) -> BTreeSet<String> {
    let admin = |prefix: &'static str| ALL.iter().copied().filter(move |p| p.starts_with(prefix));
    let names: Vec<&str> = match role {
        "Administrator" => ALL.to_vec(),
        "PVEAdmin" => ALL
            .into_iter()
            .filter(|p| {
                !matches!(
                    *p,
                    "Mapping.Modify"
                        | "Permissions.Modify"
                        | "Realm.Allocate"
                        | "Sys.AccessNetwork"
                        | "Sys.Incoming"
                        | "Sys.Modify"
                        | "Sys.PowerMgmt"
                )
            })
            .collect(),
        "PVEVMAdmin" => admin("VM.").collect(),
        "PVEVMUser" => vec![
            "VM.Audit",
            "VM.Backup",
            "VM.Config.CDROM",
            "VM.Config.Cloudinit",
            "VM.Console",
            "VM.GuestAgent.Audit",
            "VM.GuestAgent.FileRead",
            "VM.GuestAgent.FileSystemMgmt",
            "VM.GuestAgent.FileWrite",
            "VM.PowerMgmt",
        ],
        "PVEDatastoreAdmin" => admin("Datastore.").collect(),
        "PVEDatastoreUser" => vec!["Datastore.AllocateSpace", "Datastore.Audit"],
        "PVESDNAdmin" => admin("SDN.").collect(),
        "PVESDNUser" => vec!["SDN.Audit", "SDN.Use"],
        "PVEPoolAdmin" => admin("Pool.").collect(),
        "PVEAuditor" => ALL.into_iter().filter(|p| p.ends_with(".Audit")).collect(),
        _ => Vec::new(),
    };
    names.into_iter().map(str::to_owned).collect()
}

impl Access {
    /// Replaces VM.GuestAgent.* with VM.Monitor, as in PVE 8 (facts 52).
    pub(super) fn use_pve8_privileges(&mut self) {
        for privileges in self.roles.values_mut() {
            let before = privileges.len();
            privileges.retain(|privilege| !privilege.starts_with("VM.GuestAgent."));
            if privileges.len() < before {
                privileges.insert("VM.Monitor".to_owned());
            }
        }
    }
}

/// The caller: a user or a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// `user@realm` or `user@realm!token`.
    pub authid: String,
}

impl Who {
    /// Returns the user, without the token.
    pub(crate) fn user(&self) -> &str {
        user_of(&self.authid)
    }
}

/// Returns the user of a token, or the user itself: the realm follows the last `@`, and a token's
/// name contains none.
// PVE: pve-access-control, Auth/Plugin.pm, $user_regex; AccessControl.pm, $token_full_regex.
pub(crate) fn user_of(authid: &str) -> &str {
    match authid.rsplit_once('!') {
        Some((user, token)) if !token.contains('@') => user,
        _ => authid,
    }
}

impl World {
    /// Returns the caller of a token header, or `None` if it is invalid (facts 50).
    pub fn authenticate(&self, token_id: &str, secret: &str) -> Option<Who> {
        let token = self.access.tokens.get(token_id)?;
        let user = self.access.users.get(user_of(token_id))?;
        let holds = user.enable && !token.expired && token.secret == secret;
        holds.then(|| Who { authid: token_id.to_owned() })
    }

    /// Returns the caller's privileges on a path.
    pub(crate) fn privileges(&self, who: &Who, path: &str) -> BTreeSet<String> {
        let of_user = self.granted(who.user(), path);
        match self.access.tokens.get(&who.authid) {
            Some(token) if token.privsep => {
                let of_token = self.granted(&who.authid, path);
                of_user.intersection(&of_token).cloned().collect()
            }
            _ => of_user,
        }
    }

    /// Returns what ACLs grant one user or token, including VM paths through their pools.
    fn granted(&self, name: &str, path: &str) -> BTreeSet<String> {
        if name == "root@pam" {
            return ALL.iter().map(|p| (*p).to_owned()).collect();
        }
        self.roles(name, path).into_iter().flat_map(|role| self.role(role)).collect()
    }

    /// Returns whether a caller has a privilege, without collecting all: a list asks for each guest.
    fn has(&self, who: &Who, path: &str, privilege: &str) -> bool {
        let is_limited = self.access.tokens.get(&who.authid).is_some_and(|token| token.privsep);
        self.grants(who.user(), path, privilege)
            && (!is_limited || self.grants(&who.authid, path, privilege))
    }

    fn grants(&self, name: &str, path: &str, privilege: &str) -> bool {
        if name == "root@pam" {
            return ALL.contains(&privilege);
        }
        self.roles(name, path).into_iter().any(|role| match self.access.roles.get(role) {
            Some(role) => role.contains(privilege),
            None => builtin(role).contains(privilege),
        })
    }

    /// Returns the roles of one user or token on a path, and on the pools that it is in.
    fn roles(&self, name: &str, path: &str) -> Vec<&str> {
        let mut all = self.by_path(name, path);
        for (pool, members) in &self.pools {
            let inside = match path.split_once("/vms/") {
                Some(("", vmid)) => members.vms.iter().any(|member| member.to_string() == vmid),
                _ => path
                    .strip_prefix("/storage/")
                    .is_some_and(|storage| members.storages.iter().any(|s| s == storage)),
            };
            if inside {
                all.extend(self.by_path(name, &format!("/pool/{pool}")));
            }
        }
        all
    }

    /// Only the deepest path with an entry counts.
    fn by_path(&self, name: &str, path: &str) -> Vec<&str> {
        let mut roles: Vec<&str> = Vec::new();
        for level in levels(path) {
            let here: Vec<&str> = self
                .access
                .acl
                .iter()
                .filter(|entry| entry.who == name && entry.path == level)
                .filter(|entry| entry.propagate || level == path)
                .map(|entry| entry.role.as_str())
                .collect();
            if !here.is_empty() {
                roles = here;
            }
        }
        if roles.contains(&"NoAccess") { Vec::new() } else { roles }
    }

    fn role(&self, role: &str) -> BTreeSet<String> {
        self.access.roles.get(role).cloned().unwrap_or_else(|| builtin(role))
    }

    /// Returns whether the caller has all privileges.
    pub(crate) fn may(&self, who: &Who, path: &str, privileges: &[&str]) -> bool {
        privileges.iter().all(|privilege| self.has(who, path, privilege))
    }

    /// Requires all privileges; the refusal names the first missing one.
    pub(crate) fn check(&self, who: &Who, path: &str, privileges: &[&str]) -> Result<(), Refusal> {
        match privileges.iter().find(|privilege| !self.has(who, path, privilege)) {
            Some(missing) => Err(Refusal::permission(&format!("{path}, {missing}"))),
            None => Ok(()),
        }
    }

    /// Requires any of the privileges; the refusal names all.
    pub(crate) fn check_any(
        &self,
        who: &Who,
        path: &str,
        privileges: &[&str],
    ) -> Result<(), Refusal> {
        if privileges.iter().any(|privilege| self.has(who, path, privilege)) {
            return Ok(());
        }
        let names = privileges.join("|");
        Err(Refusal::permission(&format!("{path}, {names}")))
    }

    /// Revokes a privilege from every entry on the path; other paths keep theirs.
    pub(crate) fn withdraw(&mut self, path: &str, privilege: &str) {
        for at in 0..self.access.acl.len() {
            let entry = &self.access.acl[at];
            if entry.path != path {
                continue;
            }
            let mut left = self.role(&entry.role);
            if left.remove(privilege) {
                let name = format!("{}-without-{privilege}", entry.role);
                self.access.roles.insert(name.clone(), left);
                self.access.acl[at].role = name;
            }
        }
    }
}

/// Returns `/`, `/storage`, `/storage/local` for `/storage/local`.
pub(crate) fn levels(path: &str) -> Vec<&str> {
    let mut all = vec!["/"];
    all.extend(path.match_indices('/').skip(1).map(|(at, _)| &path[..at]));
    if path != "/" {
        all.push(path);
    }
    all
}

#[cfg(test)]
mod tests;
