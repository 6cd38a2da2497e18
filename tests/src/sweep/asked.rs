//! A request of an undisturbed run: which one it is, and what kind of request.
//! A pure module: does no I/O.

use crate::pve_sim::requests::Request;
use std::collections::BTreeMap;

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Its number in the run, from 1.
    pub(super) at: usize,
    /// Its method and path as in `faults.json`, with `*` for a UPID and the file name of a seed.
    pub(super) pattern: String,
    /// Which of the requests with this pattern it is, from 1.
    pub(super) nth: usize,
    /// The same for all requests of its kind: `*` in place of each name.
    pub(super) kind: String,
    /// Its parameters.
    pub(super) params: BTreeMap<String, String>,
    /// The node in its path.
    pub(super) node: Option<String>,
    /// Whether it starts a task.
    pub(super) starts_task: bool,
}

impl Asked {
    /// Returns whether it may change something.
    pub(super) fn is_write(&self) -> bool {
        !self.pattern.starts_with("GET ")
    }
}

/// Returns the requests of a run.
pub(super) fn all(requests: &[Request]) -> Vec<Asked> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let one = |(index, request): (usize, &Request)| {
        let pieces: Vec<&str> = request.path.split('/').collect();
        let known: Vec<&str> = pieces.iter().map(|piece| in_each_run(piece)).collect();
        let pattern = format!("{} {}", request.method, known.join("/"));
        let nth = counts.entry(pattern.clone()).or_default();
        *nth += 1;
        Asked {
            at: index + 1,
            nth: *nth,
            kind: format!("{} {}", request.method, without_names(&pieces)),
            params: request.params.clone(),
            node: (pieces.get(1) == Some(&"nodes"))
                .then(|| pieces.get(2).map(ToString::to_string))
                .flatten(),
            starts_task: request.task.is_some(),
            pattern,
        }
    };
    requests.iter().enumerate().map(one).collect()
}

/// Returns what a piece of a path is in each run: UPIDs and the file names of seeds are new each time.
fn in_each_run(piece: &str) -> &str {
    let is_new = piece.starts_with("UPID:") || piece.starts_with("pve-pipeline-seed_");
    if is_new { "*" } else { piece }
}

/// Collections whose members have names.
const NAMED: [&str; 9] =
    ["nodes", "qemu", "lxc", "storage", "tasks", "content", "zones", "vnets", "subnets"];

fn without_names(pieces: &[&str]) -> String {
    let mut kind = String::new();
    for (index, piece) in pieces.iter().enumerate().skip(1) {
        let is_name = NAMED.contains(&pieces[index - 1]);
        kind.push('/');
        kind.push_str(if is_name { "*" } else { piece });
        // The rest is a volid.
        if pieces[index - 1] == "content" {
            break;
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str, task: Option<&str>) -> Request {
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: String::new(),
            params: BTreeMap::new(),
            status: 200,
            connection: 1,
            task: task.map(str::to_owned),
            host: "127.0.0.1".to_owned(),
        }
    }

    #[test]
    fn requests_of_a_kind_are_counted_by_their_pattern() {
        let asked = all(&[
            request("POST", "/nodes/pve1/qemu", Some("UPID:a")),
            request("GET", "/nodes/pve1/tasks/UPID:a/status", None),
            request("GET", "/nodes/pve2/tasks/UPID:b/status", None),
            request("GET", "/nodes/pve1/tasks/UPID:c/status", None),
            request("DELETE", "/nodes/pve1/storage/local/content/local:iso/a.iso", None),
            request(
                "DELETE",
                "/nodes/pve1/storage/local/content/local:import/pve-pipeline-seed_1_a_2.raw",
                None,
            ),
            request("GET", "/cluster/resources", None),
        ]);
        let seen: Vec<(&str, usize, &str)> =
            asked.iter().map(|one| (one.pattern.as_str(), one.nth, one.kind.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("POST /nodes/pve1/qemu", 1, "POST /nodes/*/qemu"),
                ("GET /nodes/pve1/tasks/*/status", 1, "GET /nodes/*/tasks/*/status"),
                ("GET /nodes/pve2/tasks/*/status", 1, "GET /nodes/*/tasks/*/status"),
                ("GET /nodes/pve1/tasks/*/status", 2, "GET /nodes/*/tasks/*/status"),
                (
                    "DELETE /nodes/pve1/storage/local/content/local:iso/a.iso",
                    1,
                    "DELETE /nodes/*/storage/*/content/*"
                ),
                (
                    "DELETE /nodes/pve1/storage/local/content/local:import/*",
                    1,
                    "DELETE /nodes/*/storage/*/content/*"
                ),
                ("GET /cluster/resources", 1, "GET /cluster/resources"),
            ]
        );
        assert!(asked[0].starts_task && asked[0].is_write() && !asked[1].is_write());
        assert_eq!(asked[2].node.as_deref(), Some("pve2"));
        assert_eq!(asked[6].node, None);
    }
}
