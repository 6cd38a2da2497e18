//! Lists: what is missing from one must be missing in PVE, so half a list is an error.

use pve_client::{Client, Error, MappingKind, SdnKind, StorageId, TaskFilter};

use crate::server::{Server, ok};
use crate::{client, node, vmid};

/// A call that returns the number of rows, or an error.
type Call = fn(&Client) -> Result<usize, Error>;

fn storage() -> StorageId {
    "local".parse().unwrap()
}

/// Each call that reads a list, with a valid row and its most important required field.
const CALLS: [(&str, Call, &str, &str); 13] = [
    ("nodes", |c| c.nodes().map(|l| l.len()), r#"{"node":"pve1"}"#, "node"),
    (
        "resources",
        |c| c.cluster_resources().map(|l| l.len()),
        r#"{"type":"qemu","node":"pve1","vmid":100}"#,
        "vmid",
    ),
    (
        "containers",
        |c| c.cluster_resources().map(|l| l.len()),
        r#"{"type":"lxc","vmid":100,"node":"pve1"}"#,
        "node",
    ),
    ("vms", |c| c.node_vms(&node()).map(|l| l.len()), r#"{"vmid":"100"}"#, "vmid"),
    (
        "tasks",
        |c| c.tasks(&node(), &TaskFilter::default()).map(|l| l.len()),
        r#"{"upid":"UPID:pve1:0003A1F2:01C9D0E4:68FF2B10:qmcreate:100:root@pam!iac:"}"#,
        "upid",
    ),
    ("storages", |c| c.storages(&node()).map(|l| l.len()), r#"{"storage":"local"}"#, "storage"),
    (
        "content",
        |c| c.storage_content(&node(), &storage(), None).map(|l| l.len()),
        r#"{"volid":"local:iso/a.iso"}"#,
        "volid",
    ),
    ("packages", |c| c.packages(&node()).map(|l| l.len()), r#"{"Package":"ifupdown2"}"#, "Package"),
    ("networks", |c| c.networks(&node()).map(|l| l.len()), r#"{"iface":"vmbr0"}"#, "iface"),
    ("bridges", |c| c.bridges(&node()).map(|l| l.len()), r#"{"iface":"vmbr0"}"#, "iface"),
    ("pending", |c| c.vm_pending(&node(), vmid()).map(|l| l.len()), r#"{"key":"cores"}"#, "key"),
    ("zones", |c| c.sdn_list(&SdnKind::Zone).map(|l| l.len()), r#"{"zone":"z"}"#, "zone"),
    ("node zones", |c| c.node_sdn_zones(&node()).map(|l| l.len()), r#"{"zone":"z"}"#, "zone"),
];

/// Makes one call to a server that answers with this body.
fn ask(call: Call, body: &str) -> Result<usize, Error> {
    call(&client(&Server::start(vec![vec![ok(body)]])))
}

/// Returns the error text of a bad answer, without the request.
fn bad_answer(call: Call, body: &str) -> String {
    let error = ask(call, body).unwrap_err();
    assert!(matches!(error, Error::BadAnswer { .. }), "{body}: {error:?}");
    error.to_string().split_once("cannot be used: ").unwrap().1.to_owned()
}

#[test]
fn an_empty_list_is_valid_and_null_is_not() {
    for (name, call, row, _) in CALLS {
        assert_eq!(ask(call, r#"{"data":[]}"#).unwrap(), 0, "{name}");
        assert_eq!(ask(call, &format!(r#"{{"data":[{row},{row}]}}"#)).unwrap(), 2, "{name}");
        assert_eq!(bad_answer(call, r#"{"data":null}"#), "`data` is null, not a list", "{name}");
        assert_eq!(bad_answer(call, "{}"), "it has no `data`", "{name}");
        assert_eq!(bad_answer(call, r#"{"data":{}}"#), "`data` is not a list", "{name}");
    }
}

#[test]
fn a_row_that_cannot_be_read_invalidates_the_answer() {
    for (name, call, row, field) in CALLS {
        let bodies = |second: &str| format!(r#"{{"data":[{row},{second}]}}"#);
        let lacking = row.replace(&format!("\"{field}\""), "\"other\"");
        assert_eq!(
            bad_answer(call, &bodies(&lacking)),
            format!("row 2: `{field}` is missing"),
            "{name}"
        );
        let null = format!("{{\"{field}\":null,{}", &lacking[1..]);
        assert_eq!(
            bad_answer(call, &bodies(&null)),
            format!("row 2: `{field}` is missing"),
            "{name}"
        );
        let list = format!("{{\"{field}\":[1],{}", &lacking[1..]);
        assert_eq!(
            bad_answer(call, &bodies(&list)),
            format!("row 2: `{field}` is \"[1]\""),
            "{name}"
        );
        assert_eq!(bad_answer(call, &bodies("null")), "row 2 is not an object", "{name}");
    }
    let resources: Call = |client| client.cluster_resources().map(|list| list.len());
    let odd = r#"{"data":[{"type":"qemu","node":"pve1","vmid":7}]}"#;
    assert_eq!(bad_answer(resources, odd), "row 1: `vmid` is \"7\"");
    let error = ask(resources, odd).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the answer to GET /cluster/resources cannot be used: row 1: `vmid` is \"7\""
    );
}

/// A list inside of an answer is no different: half of one is an error.
#[test]
fn a_nested_list_is_read_whole_or_not_at_all() {
    let fabrics: Call = |c| c.sdn_fabrics().map(|all| all.fabrics.len());
    let migration: Call =
        |c| c.migration_preconditions(&node(), vmid()).map(|found| found.local_disks.len());
    let mappings: Call = |c| c.mappings(MappingKind::Pci, &node()).map(|list| list.len());
    for (call, data, expected) in [
        (fabrics, r#"{"fabrics":[{"id":"f"}],"nodes":[]}"#, Ok(1)),
        (fabrics, r#"{"nodes":[]}"#, Err("`fabrics` is missing")),
        (fabrics, r#"{"fabrics":"f","nodes":[]}"#, Err("`fabrics` is \"f\"")),
        (fabrics, r#"{"fabrics":[],"nodes":[1]}"#, Err("`nodes` is \"[1]\"")),
        (migration, "{}", Ok(0)),
        (migration, r#"{"local_disks":[{"volid":"a:b"}]}"#, Ok(1)),
        (migration, r#"{"local_disks":[{"size":1}]}"#, Err("`volid` is missing")),
        (migration, r#"{"local_resources":[{}]}"#, Err("`local_resources` is \"[{}]\"")),
        (migration, r#"{"allowed_nodes":"pve1"}"#, Err("`allowed_nodes` is \"pve1\"")),
        (mappings, r#"[{"id":"m","checks":[{"message":"x"}]}]"#, Ok(1)),
        (mappings, r#"[{"id":"m","errors":[{}]}]"#, Err("row 1: `message` is missing")),
    ] {
        let body = format!(r#"{{"data":{data}}}"#);
        match expected {
            Ok(rows) => assert_eq!(ask(call, &body).unwrap(), rows, "{data}"),
            Err(what) => assert_eq!(bad_answer(call, &body), what, "{data}"),
        }
    }
}

#[test]
fn rows_that_are_not_guests_are_skipped() {
    let resources: Call = |client| client.cluster_resources().map(|list| list.len());
    let body = r#"{"data":[{"type":"node","node":"pve1"},{"type":"storage","storage":"local","node":"pve1"},
        {"type":"sdn","sdn":"z"},{"type":"network","network":"z"},{"type":"pool","pool":"p"},
        {"type":"qemu","node":"pve1","vmid":100},{"type":"lxc","node":"pve1","vmid":101}]}"#;
    assert_eq!(ask(resources, body).unwrap(), 2);
    let unnamed = r#"{"data":[{"node":"pve1","vmid":100}]}"#;
    assert_eq!(bad_answer(resources, unnamed), "row 1: `type` is missing");
}

#[test]
fn a_volume_with_a_name_that_no_drive_can_use_is_skipped() {
    let content: Call =
        |client| client.storage_content(&node(), &storage(), None).map(|list| list.len());
    let body = r#"{"data":[{"volid":"local:iso/a b.iso"},{"volid":"local:iso/a,b.iso"},{"volid":"local:iso/c.iso"}]}"#;
    assert_eq!(ask(content, body).unwrap(), 1);
    assert_eq!(
        bad_answer(content, r#"{"data":[{"volid":"no volid"}]}"#),
        "row 1: `volid` is \"no volid\""
    );
}
