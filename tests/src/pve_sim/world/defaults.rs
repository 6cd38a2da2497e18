//! The default world, which `{}` represents.
//! A pure module: does no I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::access::{Access, AclEntry, Token, User};
use super::storage::Storage;
use super::{Interface, Node, World};

/// The user for tests and demos.
pub const USER: &str = "pipeline@pve";
/// Its privilege-separated token.
pub const TOKEN_ID: &str = "pipeline@pve!apply";
/// The default secret of the token.
pub const TOKEN_SECRET: &str = "00000000-0000-4000-8000-000000000001";

const GIB: u64 = 1 << 30;

impl Default for World {
    fn default() -> Self {
        Self {
            version: "9.1.7".to_owned(),
            nodes: BTreeMap::from([("pve1".to_owned(), Node::default())]),
            local: None,
            quorate: None,
            storages: storages(),
            volumes: Vec::new(),
            vms: BTreeMap::new(),
            containers: BTreeMap::new(),
            ha: BTreeMap::new(),
            ha_rules: BTreeMap::new(),
            ha_disarmed: None,
            guests: BTreeMap::new(),
            guest: super::vm::Guest::default(),
            tasks: Vec::new(),
            access: Access::default(),
            sdn: super::sdn::Sdn::default(),
            pools: BTreeMap::new(),
            cpu_models: BTreeMap::new(),
            mappings: super::mappings::Mappings::default(),
            urls: BTreeMap::new(),
            options: BTreeMap::from([("keyboard".to_owned(), "en-us".to_owned())]),
            resources_lag: 2,
            late_cleanup: 0,
            clockwork: super::clockwork::Clockwork::default(),
        }
    }
}

impl Default for Node {
    fn default() -> Self {
        let bridge = Interface {
            r#type: "bridge".to_owned(),
            cidr: Some("192.0.2.10/24".to_owned()),
            bridge_ports: Some("eno1".to_owned()),
            bridge_vlan_aware: true,
        };
        let port = Interface { r#type: "eth".to_owned(), ..Interface::default() };
        Self {
            online: true,
            unreachable: None,
            interfaces: BTreeMap::from([("eno1".to_owned(), port), ("vmbr0".to_owned(), bridge)]),
            memory: 64 * 1024,
            cpus: 16,
            tmp_free: 64 * GIB,
            lacks: Vec::new(),
        }
    }
}

fn storages() -> BTreeMap<String, Storage> {
    let storage = |kind: &str, content: &str, total: u64| Storage {
        r#type: kind.to_owned(),
        content: content.split(',').map(str::to_owned).collect(),
        total,
        ..Storage::default()
    };
    BTreeMap::from([
        ("local".to_owned(), storage("dir", "iso,vztmpl,backup,import,snippets", 100 * GIB)),
        ("local-lvm".to_owned(), storage("lvmthin", "images,rootdir", 500 * GIB)),
        ("local-zfs".to_owned(), storage("zfspool", "images,rootdir", 500 * GIB)),
    ])
}

/// The roles of the default token: exactly what the pipe needs, path by path.
// PVE: facts 52 and reference 2, "Privileges for one VM".
const ROLES: [(&str, &str, &str); 6] = [
    (
        "/vms",
        "PipelineVm",
        "VM.Allocate,VM.Audit,VM.Clone,VM.Config.CDROM,VM.Config.CPU,VM.Config.Cloudinit,VM.Config.Disk,\
         VM.Config.HWType,VM.Config.Memory,VM.Config.Network,VM.Config.Options,\
         VM.GuestAgent.Audit,VM.GuestAgent.FileRead,VM.PowerMgmt",
    ),
    ("/storage/local-lvm", "PipelineDisk", "Datastore.AllocateSpace,Datastore.Audit"),
    ("/storage/local-zfs", "PipelineDisk", "Datastore.AllocateSpace,Datastore.Audit"),
    (
        "/storage/local",
        "PipelineImage",
        "Datastore.Allocate,Datastore.AllocateSpace,Datastore.AllocateTemplate,Datastore.Audit",
    ),
    ("/sdn/zones/localnetwork", "PipelineNet", "SDN.Audit,SDN.Use"),
    ("/nodes", "PipelineNode", "Sys.AccessNetwork,Sys.Audit"),
];

impl Default for Access {
    fn default() -> Self {
        let entry = |path: &str, who: &str, role: &str| AclEntry {
            path: path.to_owned(),
            who: who.to_owned(),
            role: role.to_owned(),
            propagate: true,
        };
        let privileges =
            |list: &str| -> BTreeSet<String> { list.split(',').map(str::to_owned).collect() };
        Self {
            roles: ROLES
                .iter()
                .map(|(_, role, list)| ((*role).to_owned(), privileges(list)))
                .collect(),
            users: BTreeMap::from([(USER.to_owned(), User::default())]),
            tokens: BTreeMap::from([(
                TOKEN_ID.to_owned(),
                Token { secret: TOKEN_SECRET.to_owned(), ..Token::default() },
            )]),
            // A privilege-separated token has only what both have (facts 51).
            acl: ROLES
                .iter()
                .flat_map(|(path, role, _)| [entry(path, USER, role), entry(path, TOKEN_ID, role)])
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_round_trips() {
        let world = World::from_json("{}").unwrap();
        let text = world.to_json();
        assert_eq!(World::from_json(&text).unwrap().to_json(), text);
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = World::from_json(r#"{"vm": {}}"#).unwrap_err();
        assert!(error.starts_with("unknown field `vm`"), "{error}");
    }
}
