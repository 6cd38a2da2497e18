//! Every verb, whatever happens to its run: faults at each request, cuts after each request, lost writes and lost
//! answers. The run ends with the truth and shows no secret, VMs of others stay as they are, and the next run ends
//! in the undisturbed world.
//!
//! The runs are those of case folders; what happens and what must hold are in `tests/src/sweep`. `FAULTS=all` and
//! `CUTS=all` try everything; without them, a fixed selection.

use test_support::sweep::{self, Verb};

const fn verb(name: &'static str, case: &'static str, command: &'static str) -> Verb {
    Verb { command: Some(command), ..Verb::new(name, case) }
}

/// A verb that sends images: each of its tries of a node that is away takes half a minute.
const fn sends(name: &'static str, case: &'static str, command: &'static str) -> Verb {
    Verb { hurry: &[("node-away", &["--retries", "0"])], ..verb(name, case, command) }
}

const FILTER: &str = "image-publish --image-dir examples/site/images";

const PUBLISH: &str = "image-publish publish examples/site/images/debian-12/debian-12.qcow2 --name x-1 --checksum \
                       sha256:8424d4d9960ae2252b5e2bc712ca71940704eb9a05f06238ec6ef4bc90c14f8c --json";

const VERBS: &[Verb] = &[
    sends("upload", "uploads-missing-images", FILTER),
    sends("upload-to-nodes", "nodes-each-storage-gets-the-image-once", "image-publish"),
    // A failed upload also removes the incomplete file of an earlier run, and reports it; nobody uses such a file, so
    // this does not count as a change.
    Verb {
        spared: &[("task-fails", "/upload")],
        ..sends("replace", "incomplete-upload-is-sent-again", FILTER)
    },
    sends("publish", "publish-by-the-document", PUBLISH),
    sends(
        "publish-on-a-node",
        "nodes-publish-a-file-on-one",
        "image-publish publish --node pve3 --name x examples/site/images/debian-12/debian-12.qcow2",
    ),
    sends("download", "url-downloaded-by-the-node", "image-publish"),
    sends("publish-on-nodes", "nodes-each-downloads-for-itself", "image-publish"),
    Verb { chooses_vmids: true, ..sends("template", "template-is-made", FILTER) },
    Verb {
        chooses_vmids: true,
        ..sends("template-finished", "template-half-made-is-finished", FILTER)
    },
    Verb { chooses_vmids: true, ..sends("template-on-nodes", "template-on-several-nodes", FILTER) },
    Verb {
        chooses_vmids: true,
        // Its two creates come in any order.
        spared: &[("vm-exists", "")],
        ..sends("upload-and-template", "templates-are-made-once", FILTER)
    },
    verb(
        "prune",
        "prune-templates",
        "image-publish prune --keep 1 --image-dir examples/site/images",
    ),
    verb(
        "prune-all",
        "prune-all-names",
        "image-publish prune --image-dir examples/site/images --keep 0 --older-than 0 --all",
    ),
    verb(
        "prune-on-nodes",
        "nodes-prune-templates",
        "image-publish prune --image-dir examples/site/images --keep 1",
    ),
    Verb {
        fails_when_done: true,
        ..verb("remove", "remove-an-image-with-its-templates", "image-publish remove debian-12")
    },
    Verb {
        fails_when_done: true,
        ..verb("remove-on-nodes", "nodes-remove-from-all", "image-publish remove debian")
    },
    // What depends on a template is unknown while its storage cannot be read.
    Verb { spared: &[("", "/storage")], ..verb("list", "list-templates", "image-publish list") },
    verb("list-as-json", "nodes-list-json", "image-publish list --json"),
    verb("verify", "verify", "image-publish verify --image-dir examples/site/images"),
];

#[test]
fn each_fault_at_each_kind_of_request() {
    sweep::faults(VERBS, 3, 110);
}

#[test]
fn each_run_is_cut_after_each_request() {
    sweep::cuts(VERBS, 320);
}
