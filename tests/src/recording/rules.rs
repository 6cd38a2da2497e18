//! Which requests may be sent to somebody's node, and which answers keep only their shape.
//! A pure module: does no I/O.

use super::line::Request;
use super::names::{is_pool, is_vmid};

/// Worlds that can be built through the API; the others need a second node, root, or other tokens.
pub const WORLDS: [&str; 9] = [
    "empty",
    "stopped",
    "running",
    "protected",
    "template",
    "two",
    "images",
    "stopped, images",
    "pools",
];

/// The world whose requests change the networks of the whole cluster.
pub const NETWORKS: &str = "sdn";

/// Answers to these describe the cluster, whatever is recorded; `*` stands for one segment.
const WHOLE: [&str; 27] = [
    "/access/permissions",
    "/cluster/ha/resources",
    "/cluster/ha/status/current",
    "/cluster/ha/groups",
    "/cluster/ha/rules",
    "/cluster/mapping/*",
    "/cluster/nextid",
    "/cluster/options",
    "/cluster/resources",
    "/cluster/sdn",
    "/cluster/sdn/controllers",
    "/cluster/sdn/dry-run",
    "/cluster/sdn/fabrics/all",
    "/cluster/status",
    "/cluster/tasks",
    "/nodes",
    "/nodes/*/apt/versions",
    "/nodes/*/capabilities/qemu/*",
    "/nodes/*/lxc",
    "/nodes/*/network",
    "/nodes/*/qemu",
    "/nodes/*/sdn/zones",
    "/nodes/*/sdn/zones/*/content",
    "/nodes/*/status",
    "/nodes/*/storage",
    "/nodes/*/storage/*/status",
    "/nodes/*/tasks",
];

/// Returns whether only the shape of a successful answer is kept.
pub fn is_whole(method: &str, path: &str) -> bool {
    let lists = ["/storage", "/pools", "/version"];
    method == "GET" && (lists.contains(&path) || WHOLE.iter().any(|pattern| matches(pattern, path)))
}

fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len() && pattern.iter().zip(&path).all(|(p, s)| *p == "*" || p == s)
}

/// Returns why a request is not sent to somebody's node, if so: it would change what is not the recorder's,
/// its answer would show it, or the world that it needs cannot be built.
pub fn refusal(request: &Request) -> Option<&'static str> {
    let text = format!("{} {:?}", request.path, request.parameters);
    if text.contains("snippets") {
        return Some("snippets cannot be uploaded");
    }
    if text.contains("images.example")
        || request.file.as_ref().is_some_and(|f| f.bytes.starts_with('<'))
    {
        return Some("images.example does not exist");
    }
    if text.contains("pve2") {
        return Some("a second node is needed");
    }
    let segments: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    if vmids(&segments, request).any(is_of_others) {
        return Some("a vmid that is not the recorder's");
    }
    if request.method == "GET" {
        return None;
    }
    let own = match segments[..] {
        // PVE answers before it changes anything: the methods and paths do not exist.
        ["version" | "nope"] => true,
        ["nodes", _, "qemu"] => true,
        ["nodes", _, "qemu", vmid, ..] => is_vmid(vmid) || vmid.parse::<u32>().is_err(),
        ["nodes", _, "storage", "disks" | "local" | "nope", ..] => true,
        ["nodes", _, "tasks", upid] => upid == "{upid}" || upid == "UPID:x" || upid == "nope",
        ["pools", pool] => is_pool(pool) || pool == "nope",
        ["pools"] => {
            request.parameters.get("poolid").is_none_or(|pool| is_pool(pool) || pool == "nope")
        }
        ["cluster", "sdn", ..] => request.world == NETWORKS,
        _ => false,
    };
    (!own).then_some("a change of what is not the recorder's")
}

fn vmids<'a>(segments: &[&'a str], request: &'a Request) -> impl Iterator<Item = &'a str> {
    let inside = match segments {
        ["nodes", _, "qemu" | "lxc", vmid, ..] => Some(*vmid),
        _ => None,
    };
    let given = ["vmid", "newid", "vms"].into_iter().filter_map(|key| request.parameters.get(key));
    inside.into_iter().chain(given.flat_map(|ids| ids.split(',')))
}

/// Returns whether PVE accepts this text as a vmid, and no recording has it.
// PVE: pve-common, JSONSchema.pm, pve-vmid: 100 to 999999999.
fn is_of_others(vmid: &str) -> bool {
    !is_vmid(vmid) && vmid.trim().parse().is_ok_and(|vmid| (100..=999_999_999).contains(&vmid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn request(method: &str, path: &str, key: &str, value: &str) -> Request {
        Request {
            scene: 1,
            world: "stopped".to_owned(),
            token: None,
            method: method.to_owned(),
            path: path.to_owned(),
            parameters: BTreeMap::from([(key.to_owned(), value.to_owned())]),
            file: None,
        }
    }

    #[test]
    fn nothing_of_others_is_changed() {
        for (method, path, key, value, sent) in [
            ("DELETE", "/nodes/pve1/qemu/100", "purge", "1", true),
            ("DELETE", "/nodes/pve1/qemu/1000", "purge", "1", false),
            ("POST", "/nodes/pve1/qemu", "vmid", "101", true),
            ("POST", "/nodes/pve1/qemu", "vmid", "5000", false),
            ("POST", "/nodes/pve1/qemu", "vmid", "x", true),
            ("POST", "/nodes/pve1/qemu/100/clone", "newid", "4711", false),
            ("PUT", "/pools/p1", "vms", "100,4711", false),
            ("PUT", "/pools/prod", "vms", "100", false),
            ("PUT", "/storage/local", "content", "iso", false),
            ("DELETE", "/nodes/pve1/storage/local/content/x", "a", "b", true),
            ("DELETE", "/nodes/pve1/storage/nfs/content/x", "a", "b", false),
            ("PUT", "/cluster/sdn", "a", "b", false),
            ("POST", "/cluster/ha/resources", "sid", "vm:100", false),
            ("GET", "/nodes/pve1/qemu/4711/config", "a", "b", false),
            ("PUT", "/cluster/options", "a", "b", false),
        ] {
            assert_eq!(
                refusal(&request(method, path, key, value)).is_none(),
                sent,
                "{method} {path} {value}"
            );
        }
    }
}
