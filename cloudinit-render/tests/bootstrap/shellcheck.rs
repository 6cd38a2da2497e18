//! shellcheck judges the scripts of every first boot, with every way to trust the server.

use super::machine::user_data;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use test_support::peer::Peer;

/// What is meant: each script reads `/etc/profile.d/homestak.sh`, which is not here (SC1091), splits `$pin`,
/// `$trust` and `$every` into words (SC2086), and empties a variable by `name=` before another (SC1007).
const EXCEPT: &str = "--exclude=SC1007,SC1091,SC2086";

/// Returns the shell scripts in user-data: files, and words of a command of this early stage.
fn scripts(user_data: &Value) -> Vec<String> {
    let files = user_data["write_files"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let files = files.filter_map(|file| {
        let (path, content) = (text(&file["path"]), text(&file["content"]));
        let is_profile = path.starts_with("/etc/profile.d/");
        let shebang = if is_profile { "#!/bin/sh\n" } else { "" };
        (is_profile || content.starts_with("#!")).then(|| format!("{shebang}{content}"))
    });
    let commands = user_data["bootcmd"].as_array().into_iter().flatten();
    let commands = commands.map(|words| format!("#!/bin/sh\n{}\n", text(&words[2])));
    files.chain(commands).collect()
}

#[test]
fn peer_shellcheck_has_nothing_to_say() {
    let Some(shellcheck) = Peer::find("shellcheck") else { return };
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let fingerprint = ["AB"; 32].join(":");
    let trusts =
        [json!({}), json!({"ca_certificate": pem}), json!({"server_fingerprint": fingerprint})];
    let boots =
        [json!({}), json!({"boot_scenario": "vm-config"}), json!({"boot_scenario": "pve-config"})];
    let mut all = BTreeSet::new();
    for (trust, boot) in trusts.iter().flat_map(|trust| boots.iter().map(move |boot| (trust, boot)))
    {
        all.extend(scripts(&user_data("https://srv1:44443", trust, boot)));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = vec![EXCEPT.to_owned()];
    for (number, script) in all.iter().enumerate() {
        let path = folder.path().join(format!("{number}.sh"));
        fs::write(&path, script).unwrap();
        arguments.push(path.display().to_string());
    }
    let output = shellcheck.run(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    println!("{} scripts", all.len());
    assert!(
        all.len() >= 13,
        "nine of the first boot, its retry, profiles, a command: {}",
        all.len()
    );
}
