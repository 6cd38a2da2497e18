//! The program `pve-sim`: what it passes to its command, which files it writes, and its status.

use std::path::Path;

use assert_cmd::Command;

const ASK: &str = r#"test -s "$PVE_SIM_CA_FILE" && test "$PVE_SIM_FINGERPRINT" = "$PVE_FINGERPRINT" &&
    case "$PVE_SIM_ENDPOINT $PVE_SIM_TOKEN" in
        "https://127.0.0.1:"*" pipeline@pve!apply="*) exit 7 ;;
    esac"#;

fn pve_sim(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pve-sim"));
    command.current_dir(folder);
    command
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn a_command_gets_the_simulator_and_its_status_is_returned() {
    let folder = tempfile::tempdir().unwrap();
    let run = pve_sim(folder.path()).args(["--", "sh", "-c", ASK]).assert();
    run.code(7).stdout("").stderr("");
    pve_sim(folder.path()).args(["--", "sh", "-c", "kill -9 $$"]).assert().code(128 + 9);
}

#[test]
fn an_invalid_length_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for length in ["", "x", "-1", "5-", "300-20"] {
        let option = format!("--task-ms={length}");
        pve_sim(folder.path()).args([&option, "--", "true"]).assert().code(2);
    }
}

#[test]
fn a_world_is_read_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let world = r#"{"vms": {"100": {"config": {"name": "web"}}}}"#;
    std::fs::write(folder.path().join("world.json"), world).unwrap();
    let files =
        ["--world", "world.json", "--world-after", "out/after.json", "--requests", "out/requests"];
    pve_sim(folder.path())
        .args(files)
        .args(["--tasks", "out/tasks", "--", "true"])
        .assert()
        .success();
    let after: serde_json::Value =
        serde_json::from_str(&read(folder.path(), "out/after.json")).unwrap();
    let expected = serde_json::json!({"vms": {"100": {"node": "pve1", "config": {"name": "web"}, "running": false}}});
    assert_eq!(after, expected);
    assert_eq!(read(folder.path(), "out/requests") + &read(folder.path(), "out/tasks"), "");
}

#[test]
fn without_a_command_it_runs_until_stdin_closes() {
    let folder = tempfile::tempdir().unwrap();
    let run =
        pve_sim(folder.path()).args(["--ready-file", "ready"]).write_stdin("").assert().success();
    let line = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    assert_eq!(line, read(folder.path(), "ready"));
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(ready["endpoint"].as_str().unwrap().starts_with("https://127.0.0.1:"));
    assert_eq!(ready["fingerprint"].as_str().unwrap().len(), 95);
    assert!(
        !Path::new(ready["ca_file"].as_str().unwrap()).exists(),
        "the CA file is deleted at the end"
    );
}

#[test]
fn an_invalid_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("world.json"), r#"{"vm": {}}"#).unwrap();
    for (option, expected) in [
        ("--world", "pve-sim: world.json: unknown field `vm`"),
        ("--faults", "pve-sim: world.json: invalid type: map"),
    ] {
        let run =
            pve_sim(folder.path()).args([option, "world.json", "--", "true"]).assert().code(1);
        let stderr = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
        assert!(stderr.starts_with(expected), "{stderr}");
    }
}
