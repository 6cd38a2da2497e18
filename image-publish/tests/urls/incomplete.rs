//! Files with an image's name that are not the image: the node does not download over them.

use serde_json::json;
use test_support::pve_sim::{World, faults};

use super::web::Page;
use super::{Scene, image, sha256};

#[test]
fn a_removal_that_fails_may_have_removed_the_file() {
    for (works, left) in [(true, 0), (false, 1)] {
        let scene = Scene::new(vec![("/a.qcow2", Page::ok(image()))]);
        let file = format!("a-{}.qcow2", &sha256(&image())[..12]);
        let half = json!({"volid": format!("local:import/{file}"), "size": 9000, "sha256": "0".repeat(64)});
        let world = World::from_json(&json!({"volumes": [half]}).to_string()).unwrap();
        scene.sim.edit(|there| there.volumes = world.volumes);
        let fails = json!([{"when": format!("DELETE /nodes/pve1/storage/local/content/local:import/{file}"),
            "then": {"task": {"exitstatus": "unlink failed", "works": works}}}]);
        faults::from_json(&fails.to_string())
            .unwrap()
            .into_iter()
            .for_each(|f| scene.sim.add_fault(f));
        let sum = format!("sha256:{}", sha256(&image()));
        let ran = scene.run(&json!({"url": scene.web.url("/a.qcow2"), "checksum": sum}));
        // Something may have been changed.
        assert_eq!(ran.status, 3, "{works}: {}", ran.stderr);
        assert!(ran.stderr.contains("unlink failed"), "{}", ran.stderr);
        assert_eq!(scene.stored().len(), left, "{}", ran.stderr);
    }
}
