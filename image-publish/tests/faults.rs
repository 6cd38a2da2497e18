//! Faults at every request of every verb: the run ends with the truth and shows no secret, VMs of others stay as
//! they are, and once the fault is over the next run ends in the undisturbed world.
//!
//! The runs are those of case folders; the faults and what must hold are in `tests/src/sweep`. `FAULTS=all` tries
//! each fault at each request; without it, a fixed selection.

use test_support::sweep::{Verb, sweep};

const fn verb(name: &'static str, case: &'static str, command: &'static str) -> Verb {
    Verb {
        name,
        case,
        command: Some(command),
        hurry: &[],
        fails_when_done: false,
        chooses_vmids: false,
        spared: &[],
    }
}

const FILTER: &str = "image-publish --image-dir examples/site/images";

const VERBS: [Verb; 12] = [
    verb("upload", "uploads-missing-images", FILTER),
    verb("download", "url-downloaded-by-the-node", "image-publish"),
    verb("publish-on-nodes", "nodes-each-downloads-for-itself", "image-publish"),
    Verb { chooses_vmids: true, ..verb("template", "template-is-made", FILTER) },
    Verb {
        chooses_vmids: true,
        ..verb("template-finished", "template-half-made-is-finished", FILTER)
    },
    Verb {
        chooses_vmids: true,
        // Its two creates come in any order.
        spared: &[("vm-exists", "")],
        ..verb("upload-and-template", "templates-are-made-once", FILTER)
    },
    verb(
        "prune",
        "prune-templates",
        "image-publish prune --keep 1 --image-dir examples/site/images",
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
    sweep(&VERBS, 3, 80);
}
