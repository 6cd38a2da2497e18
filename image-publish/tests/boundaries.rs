//! What is ended between any two requests is finished by the next run, and the world is then as if nothing had
//! happened: after kill -9 at each request, and after each write that goes unanswered.
//!
//! Templates have the same in `templates.rs`, with several at once, and their removal in `prune.rs`.

use test_support::cases;
use test_support::cuts::After;
use test_support::stand::Cases;

const CASES: Cases = Cases {
    nothing_left: Some("no image of this name or volid is on the storage"),
    ..cases!("image-publish")
};

macro_rules! verbs {
    ($($verb:ident: $case:literal after $after:ident,)*) => {
        $(#[test]
        fn $verb() {
            CASES.survive_cuts(stringify!($verb), $case, After::$after);
        })*
    };
}

verbs! {
    upload: "uploads-missing-images" after Request,
    upload_to_several_nodes: "nodes-each-storage-gets-the-image-once" after Write,
    upload_over_an_incomplete_one: "incomplete-upload-is-sent-again" after Request,
    download_url: "url-downloaded-by-the-node" after Request,
    publish_a_file: "nodes-publish-a-file-on-one" after Request,
    template: "template-is-made" after Request,
    prune: "prune-all-names" after Request,
    prune_templates: "nodes-prune-templates" after Write,
    remove: "nodes-remove-from-all" after Request,
    remove_with_templates: "remove-by-name-takes-unused-templates" after Request,
}
