//! PVE's answers, as the client reads them from the wire.

use crate::node::{Answer, Node, SECRET};
use pve_client::{
    Client, ConfigView, Error, Feature, MappingKind, NodeName, SdnKind, StorageId, TaskFilter,
    Upid, Vmid, Volid,
};
use serde_json::Value;
use std::fmt::Debug;
use std::sync::LazyLock;

static NODE: LazyLock<Node> = LazyLock::new(Node::start);

const UPID: &str = "UPID:pve1:0003A1F2:01C9D0E4:68FF2B10:qmcreate:99022:root@pam!iac:";

/// What a call made of an answer: how many rows it has read, if it reads a list of all rows, and what they are.
type Made = (Option<usize>, String);

/// A call by its name.
type Call = (&'static str, fn(&Client) -> Result<Made, Error>);

/// Lists: each row of the answer is one of the result.
const LISTS: [Call; 17] = [
    ("nodes", |c| list(c.nodes())),
    ("node_vms", |c| list(c.node_vms(&node()))),
    ("pools", |c| list(c.pools())),
    ("vm_pending", |c| list(c.vm_pending(&node(), vmid()))),
    ("container_pending", |c| list(c.container_pending(&node(), vmid()))),
    ("storages", |c| list(c.storages(&node()))),
    ("storage_configs", |c| list(c.storage_configs())),
    ("bridges", |c| list(c.bridges(&node()))),
    ("networks", |c| list(c.networks(&node()))),
    ("mappings", |c| list(c.mappings(MappingKind::Usb, &node()))),
    ("cpu_models", |c| list(c.cpu_models(&node()))),
    ("machine_types", |c| list(c.machine_types(&node()))),
    ("packages", |c| list(c.packages(&node()))),
    ("sdn_zones", |c| list(c.sdn_list(&SdnKind::Zone))),
    ("sdn_subnets", |c| list(c.sdn_edited(&SdnKind::Subnet("lan".into())))),
    ("node_sdn_zones", |c| list(c.node_sdn_zones(&node()))),
    ("node_vnets", |c| list(c.node_vnets(&node(), "lab"))),
];

/// Everything else.
const OTHERS: [Call; 22] = [
    ("version", |c| one(c.version())),
    ("is_quorate", |c| one(c.is_quorate())),
    ("cluster_resources", |c| one(c.cluster_resources())),
    ("is_free", |c| one(c.is_free(vmid()))),
    ("allowed_tags", |c| one(c.allowed_tags())),
    ("privileges_on", |c| one(c.privileges_on("/vms/100"))),
    ("permissions", |c| one(c.permissions())),
    ("vm_config", |c| one(c.vm_config(&node(), vmid(), ConfigView::Current))),
    ("vm_status", |c| one(c.vm_status(&node(), vmid()))),
    ("storage_content", |c| one(c.storage_content(&node(), &storage(), None))),
    ("volume_info", |c| one(c.volume_info(&node(), &volid()))),
    ("delete_volume", |c| one(c.delete_volume(&node(), &volid()))),
    ("agent_is_frozen", |c| one(c.agent_is_frozen(&node(), vmid()))),
    ("agent_interfaces", |c| one(c.agent_interfaces(&node(), vmid()))),
    ("agent_file", |c| one(c.agent_file(&node(), vmid(), "/run/x"))),
    ("feature", |c| one(c.feature(&node(), vmid(), Feature::Clone, None))),
    ("migration", |c| one(c.migration_preconditions(&node(), vmid()))),
    ("start", |c| one(c.start(&node(), vmid()))),
    ("task_status", |c| one(c.task_status(&upid()))),
    ("task_log_tail", |c| one(c.task_log_tail(&upid(), 10))),
    ("tasks", |c| one(c.tasks(&node(), &TaskFilter::default()))),
    ("sdn_fabrics", |c| one(c.sdn_fabrics())),
];

/// The input is an answer: a line `CALL STATUS REASON`, then the body.
///
/// A success has status 2xx and JSON with `data`; a list has as many rows as the answer, so that nothing which PVE
/// says is missing; the same answer is read the same way; an error has PVE's status and text and never the token.
pub fn answer(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let Ok(head) = std::str::from_utf8(&bytes[..end]) else { return };
    let body = bytes.get(end + 1..).unwrap_or_default();
    let mut words = head.splitn(3, ' ');
    let name = words.next().unwrap_or_default();
    let Some((_, call)) = LISTS.iter().chain(&OTHERS).find(|(known, _)| *known == name) else {
        return;
    };
    // HTTP gives the others a meaning of their own, such as an answer without a body.
    let is_plain = |status: &u16| matches!(status, 200..=203 | 300..=303 | 307..=599);
    let status = words.next().and_then(|word| word.parse().ok()).filter(is_plain).unwrap_or(200);
    let reason: String =
        words.next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
    let said = Answer { status, reason: reason.clone(), body: body.into() };
    NODE.says(move |_| said.clone());
    let made = call(&NODE.client);
    assert_eq!(format!("{made:?}"), format!("{:?}", call(&NODE.client)));
    match made {
        Ok((rows, shown)) => judge_success((name, status), body, rows, &shown),
        Err(error) => judge_error(&error, status, &reason),
    }
}

fn judge_success((name, status): (&str, u16), body: &[u8], rows: Option<usize>, shown: &str) {
    assert!(!shown.contains(SECRET));
    // That a vmid is taken, PVE says with a refusal, whose body may be anything.
    if name == "is_free" && status >= 300 {
        return;
    }
    assert!((200..300).contains(&status), "{status}");
    let Ok(whole) = serde_json::from_slice::<Value>(body) else { panic!("{name}: not JSON") };
    if let Some(rows) = rows {
        assert_eq!(whole["data"].as_array().map(Vec::len), Some(rows), "{name}");
    }
    match name {
        "cluster_resources" => {
            let guests = |row: &&Value| matches!(row["type"].as_str(), Some("qemu" | "lxc"));
            let count = whole["data"].as_array().unwrap().iter().filter(guests).count();
            assert_eq!(shown.matches("Resource {").count(), count);
        }
        "sdn_fabrics" => {
            for (name, shape) in [("fabrics", "SdnFabric {"), ("nodes", "SdnFabricNode {")] {
                let count = whole["data"][name].as_array().map(Vec::len);
                assert_eq!(count, Some(shown.matches(shape).count()), "{name}");
            }
        }
        "migration" => {
            let count = whole["data"]["local_disks"].as_array().map_or(0, Vec::len);
            assert_eq!(shown.matches("LocalDisk {").count(), count);
        }
        _ => {}
    }
}

fn judge_error(error: &Error, status: u16, reason: &str) {
    let text = format!("{error} {error:?}");
    assert!(!text.contains(SECRET) && !error.to_string().is_empty());
    // Whatever it says, it is judged.
    let judgements = [
        error.is_outcome_unknown(),
        error.already_exists(),
        error.is_task_unknown(),
        error.is_base_in_use(),
        error.is_template_already(),
        error.cannot_link(),
    ];
    assert!(judgements.len() == 6);
    match error {
        Error::Status(refusal) => {
            assert!(status >= 300);
            assert_eq!(refusal.status, status);
            assert!(!refusal.message.is_empty() || reason.trim().is_empty(), "{refusal:?}");
        }
        Error::BadAnswer { what, .. } => assert!((200..300).contains(&status) && !what.is_empty()),
        other => panic!("{other:?}"),
    }
}

fn list<T: Debug>(rows: Result<Vec<T>, Error>) -> Result<Made, Error> {
    rows.map(|rows| (Some(rows.len()), format!("{rows:?}")))
}

fn one<T: Debug>(read: Result<T, Error>) -> Result<Made, Error> {
    read.map(|read| (None, format!("{read:?}")))
}

fn node() -> NodeName {
    "pve1".parse().unwrap()
}

fn vmid() -> Vmid {
    Vmid::new(100).unwrap()
}

fn storage() -> StorageId {
    "local".parse().unwrap()
}

fn volid() -> Volid {
    "local:import/a.qcow2".parse().unwrap()
}

fn upid() -> Upid {
    UPID.parse().unwrap()
}
