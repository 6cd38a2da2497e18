//! Images for several nodes: fetched and unpacked once, whoever needs them.

use serde_json::{Value, json};
use test_support::pve_sim::{Options, PveSim, World, faults};

use super::web::Page;
use super::{Ran, Scene, image, packed, sha256};

const NODES: [&str; 3] = ["pve1", "pve2", "pve3"];

/// A cluster of three nodes, each with a storage of its own.
fn scene(pages: Vec<(&str, Page)>) -> Scene {
    let scene = Scene::new(pages);
    let nodes = json!({"nodes": {"pve1": {}, "pve2": {}, "pve3": {}}});
    let nodes = World::from_json(&nodes.to_string()).unwrap().nodes;
    let mut world = scene.sim.world();
    world.nodes = nodes;
    let sim = PveSim::start(world, Options::default()).unwrap();
    Scene { sim, ..scene }
}

/// Runs the filter on a document with a VM on each node.
fn run(scene: &Scene, source: &Value) -> Ran {
    let vm =
        |node: &&str| json!({"name": format!("on-{node}"), "node": node, "image": "a", "disk": 10});
    scene.run_on(&json!({
        "node": "pve1", "api_endpoint": scene.sim.endpoint(), "api_token": scene.sim.token(),
        "nodes": {"pve1": {}, "pve2": {}, "pve3": {}},
        "image_sources": {"a": source},
        "vms": NODES.iter().map(vm).collect::<Vec<_>>(),
    }))
}

fn check_on_all(scene: &Scene, ran: &Ran, way: &str) {
    assert_eq!((ran.status, ran.volid.is_some()), (0, true), "{}", ran.stderr);
    assert_eq!(scene.stored(), vec![sha256(&image()); 3]);
    for node in NODES {
        let line = format!("POST /nodes/{node}/storage/local/{way}");
        assert!(ran.requests.contains(&line), "{}", ran.requests);
    }
    assert_eq!(scene.spooled(), 0);
}

fn checksum() -> String {
    format!("sha256:{}", sha256(&image()))
}

fn fault(scene: &Scene, fault: &Value) {
    for fault in faults::from_json(&json!([fault]).to_string()).unwrap() {
        scene.sim.add_fault(fault);
    }
}

#[test]
fn an_image_is_fetched_once_for_all_nodes() {
    let scene = scene(vec![("/a.qcow2", Page::ok(image()))]);
    let url = scene.web.url("/a.qcow2");
    let ran = run(&scene, &json!({"url": url, "checksum": checksum(), "mode": "upload"}));
    check_on_all(&scene, &ran, "upload");
    // Its first bytes, and then the whole.
    assert_eq!(scene.web.asked(), ["/a.qcow2", "/a.qcow2"]);
    assert_eq!(ran.stderr.matches("a: fetching").count(), 1, "{}", ran.stderr);
}

#[test]
fn a_compressed_image_is_fetched_and_unpacked_once() {
    let scene = scene(vec![("/a.xz", Page::ok(packed()))]);
    let sum = format!("sha256:{}", sha256(&packed()));
    let ran = run(&scene, &json!({"url": scene.web.url("/a.xz"), "checksum": sum}));
    check_on_all(&scene, &ran, "upload");
    // A look at its first bytes shows only that it is compressed.
    assert_eq!(scene.web.asked(), ["/a.xz", "/a.xz"]);
    assert_eq!(ran.stderr.matches("a: unpacking").count(), 1, "{}", ran.stderr);
}

#[test]
fn what_the_nodes_cannot_download_is_fetched_here_once() {
    let scene = scene(vec![("/a.qcow2", Page::ok(image()))]);
    fault(
        &scene,
        &json!({"when": "POST /nodes/*/storage/*/download-url", "times": 0,
        "then": {"withdraw": {"path": "/nodes", "privilege": "Sys.AccessNetwork"}}}),
    );
    let ran = run(&scene, &json!({"url": scene.web.url("/a.qcow2"), "checksum": checksum()}));
    check_on_all(&scene, &ran, "upload");
    assert_eq!(scene.web.asked(), ["/a.qcow2", "/a.qcow2"]);
}

#[test]
fn only_the_nodes_without_the_image_get_it() {
    let scene = scene(vec![("/a.qcow2", Page::ok(image()))]);
    let source = json!({"url": scene.web.url("/a.qcow2"), "checksum": checksum()});
    check_on_all(&scene, &run(&scene, &source), "download-url");
    scene.sim.edit(|world| world.volumes.retain(|volume| volume.node.as_deref() != Some("pve2")));
    scene.web.forget();
    let ran = run(&scene, &source);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(scene.stored().len(), 3);
    let posts: Vec<&str> = ran.requests.lines().filter(|line| line.starts_with("POST")).collect();
    assert_eq!(posts, ["POST /nodes/pve2/storage/local/download-url"]);
    // With all of them complete, nobody is asked.
    scene.web.forget();
    assert_eq!((run(&scene, &source).status, scene.web.asked().len()), (0, 0));
}

#[test]
fn a_failure_of_the_source_is_reported_once() {
    let cut = Page::ok(image()).cut_off_after(9000, 9).but_not_at_first();
    let mut scene = scene(vec![("/a.qcow2", cut)]);
    scene.args = &["--retries", "0"];
    let url = scene.web.url("/a.qcow2");
    let ran = run(&scene, &json!({"url": url, "checksum": checksum(), "mode": "upload"}));
    assert_eq!((ran.status, ran.volid.is_none()), (1, true), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
    for node in NODES {
        assert!(ran.stderr.contains(&format!("not published on {node}: a")), "{}", ran.stderr);
    }
    assert!(scene.stored().is_empty());
    assert_eq!(scene.spooled(), 0);
}
