//! The whole pipe with a canary in every secret, each in its proper place.

use super::{LEVELS, leaks, run, write};
use test_support::pve_sim::{Options, PveSim, World};

/// Secrets of the site; each is used in the document, in user-data or in a token's signature.
const KEY: &str = "ca11ab1eca11ab1eca11ab1eca11ab1eca11ab1eca11ab1eca11ab1eca11ab1e";
const HASH: &str = "$6$saltsalt$ca11ab1fca11ab1fca11ab1fca11ab1fca11ab1fca11ab1fca11ab1fca11ab1fca11ab1fca11ab1fabcdef";
const FILE: &str = "ca11ab20";
const COMMAND: &str = "ca11ab21";

fn site(root: &std::path::Path, sim: &PveSim) {
    let secrets = format!(
        "api_tokens:\n  pve1: {}\npasswords:\n  vm_root: {HASH}\nauth:\n  signing_key: {KEY}\n",
        sim.token()
    );
    write(root, "secrets.yaml", &secrets);
    let image =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/site/images/debian-12/debian-12.qcow2");
    let whole = format!(
        "defaults:\n  server_url: https://10.0.0.5:44443\nimages:\n  img:\n    file: {image}\n\
         cloud_init:\n  write_files:\n  - path: /x\n    content: {FILE}\n  runcmd: [echo {COMMAND}]\n"
    );
    write(root, "site.yaml", &whole);
    let node = format!("api_endpoint: {}\ndatastore: local-lvm\n", sim.endpoint());
    write(root, "nodes/pve1.yaml", &node);
    write(root, "specs/base.yaml", "schema_version: 1\n");
    let vm = "{name: vm, image: img, cores: 1, memory: 512, disk: 4, spec: base}";
    write(root, "envs/dev.yaml", &format!("vms:\n- {vm}\n"));
}

/// Runs the pipe at a log level; returns what leaks.
fn leaks_at(level: &[&str]) -> Vec<String> {
    let sim = PveSim::start(World::from_json("{}").unwrap(), Options::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    site(folder.path(), &sim);
    let root = folder.path().to_str().unwrap();
    let variables = [("HOME", root), ("PVE_FINGERPRINT", sim.fingerprint())];
    let mut document = String::new();
    let mut shown = String::new();
    for words in [
        &["resolve", "--env", "dev", "--node", "pve1", "--site", root][..],
        &["mint-token", "--site", root],
        &["cloudinit-render"],
        &["image-publish"],
    ] {
        let said = run(&[words, level].concat(), &variables, &document);
        document = said.stdout;
        shown += &said.stderr;
    }
    let whole: serde_json::Value = serde_json::from_str(&document).unwrap();
    let token = whole["vms"][0]["auth_token"].as_str().unwrap();
    assert!(token.contains('.') && document.contains(HASH) && document.contains(FILE));
    for words in [["pve-apply", "plan"], ["pve-apply", "apply"], ["pve-apply", "status"]] {
        let said = run(&[&words, level].concat(), &variables, &document);
        shown += &(said.stdout + &said.stderr);
    }
    assert!(shown.contains("vm_ids"), "the pipe ran to its end: {shown}");
    // What a level is there for is shown.
    let parameters = shown.contains("cores=1") || shown.contains("\"cores\":\"1\"");
    assert_eq!(parameters, level.contains(&"-vv"), "{level:?}: {shown}");
    let (_, uuid) =
        sim.token().split_once('=').map(|(id, uuid)| (id.to_owned(), uuid.to_owned())).unwrap();
    let signature = token.split('.').nth(1).unwrap();
    let secrets = [&KEY[..16], &HASH[12..24], FILE, COMMAND, uuid.as_str(), signature];
    secrets.iter().filter_map(|secret| leaks("the pipe", secret, level, &shown)).collect()
}

#[test]
fn the_whole_pipe_shows_no_secret_of_its_site() {
    for level in LEVELS {
        super::assert_silent(&leaks_at(level));
    }
}
