//! Reads what cloud-init writes to `/run/cloud-init` about its progress and result. Does no I/O.
//!
//! `/run` is in the guest's memory, so no file is from an earlier boot.
// cloud-init: cmd/main.py, status_wrapper, 22.4 and 25.1.

use serde_json::Value;
use std::collections::BTreeSet;

/// Written when cloud-init has finished with a boot.
pub(crate) const RESULT: &str = "/run/cloud-init/result.json";
/// Written by every stage, at its start and its end.
pub(crate) const STATUS: &str = "/run/cloud-init/status.json";

/// A longer file is not cloud-init's: its own are a few KiB.
const LONGEST_FILE: usize = 256 << 10;
/// How many characters of a line are shown: a guest can write what it likes.
const LONGEST: usize = 400;
/// The longest name of a stage or a program.
const LONGEST_NAME: usize = 40;

/// How a boot ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BootResult {
    /// Where cloud-init found its data; `None` when it found none and did nothing.
    pub datasource: Option<String>,
    /// What failed, in order.
    pub errors: Vec<String>,
}

/// Reads `result.json`.
///
/// # Errors
/// It is not what cloud-init writes.
pub(crate) fn result(content: &[u8]) -> Result<BootResult, String> {
    let json = parse(content)?;
    let result = json.get("v1").and_then(Value::as_object).ok_or("it has no `v1`")?;
    let source = result.get("datasource").and_then(Value::as_str);
    // cloud-init: sources/DataSourceNone.py: the last resort of most images, which has no data.
    let source = source.filter(|source| !source.starts_with("DataSourceNone"));
    let errors = match result.get("errors") {
        Some(Value::Array(errors)) => errors.iter().map(text).collect(),
        _ => return Err("it has no list `errors`".to_owned()),
    };
    Ok(BootResult { datasource: source.map(str::to_owned), errors })
}

/// Reads one of the two files. JSON in memory may take a hundred times its length, and PVE reads up to 16 MiB.
fn parse(content: &[u8]) -> Result<Value, String> {
    if content.len() > LONGEST_FILE {
        return Err(format!("it has {} bytes, more than cloud-init writes", content.len()));
    }
    serde_json::from_slice(content).map_err(|error| error.to_string())
}

/// Returns the running stage, such as `modules-final`; `None` when none is running or that is unknown.
pub(crate) fn stage(status: &[u8]) -> Option<String> {
    let json = parse(status).ok()?;
    Some(json.get("v1")?.get("stage")?.as_str()?.chars().take(LONGEST_NAME).collect())
}

/// Returns the warnings of a boot, stage by stage. Deprecations are left out:
/// the image has its own. cloud-init before 23.4 records no warnings.
pub(crate) fn recoverable(status: &[u8]) -> Vec<String> {
    let Ok(json) = parse(status) else { return Vec::new() };
    let of_stage = |stage: &str| json.get("v1")?.get(stage)?.get("recoverable_errors")?.as_object();
    let stages = ["init-local", "init", "modules-config", "modules-final"];
    let levels = stages.into_iter().filter_map(of_stage).flatten();
    let levels = levels.filter(|(level, _)| *level != "DEPRECATED");
    let all = levels.filter_map(|(_, list)| list.as_array()).flatten().map(text);
    // Each stage repeats what it reads again.
    let mut seen = BTreeSet::new();
    all.filter(|text| seen.insert(text.clone())).collect()
}

/// Returns the beginning of the first line of cloud-init's output. The lines after it quote user-data,
/// and so its secrets: seen with YAML that cannot be parsed, in 25.1.4.
fn text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    // A module's error is a Python tuple, in which line ends are written as `\n`.
    // cloud-init: cmd/main.py, status_wrapper: str() of each, where a pair shows repr() of its parts.
    let text = text.replace("\\n", "\n");
    let (line, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let first: String = line.chars().take(LONGEST).collect();
    if rest.is_empty() && first.len() == line.len() {
        return first;
    }
    let of_command = command(rest).map(|command| format!(" {command}")).unwrap_or_default();
    format!("{first}{of_command} … (`cloud-init status --long` in the guest has more)")
}

/// Returns which program failed and with which exit code, if the text says so. Its arguments may
/// hold a password's hash.
// cloud-init: subp.py, ProcessExecutionError.
fn command(rest: &str) -> Option<String> {
    let line = |name| rest.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let program = line("Command:")?.strip_prefix("['")?.split('\'').next()?;
    // cloud-init writes only numbers and short words here.
    let code: i32 = line("Exit code:")?.parse().ok()?;
    let is_short = program.chars().count() <= LONGEST_NAME;
    is_short.then(|| format!("{program} ended with {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &str, expected: Result<(Option<&str>, &[&str]), &str>) {
        let found = result(content.as_bytes());
        let found = found.as_ref().map(|found| {
            (found.datasource.as_deref(), found.errors.iter().map(String::as_str).collect())
        });
        let expected = expected.map(|(source, errors)| (source, errors.to_vec()));
        assert_eq!(found.map_err(String::as_str), expected, "{content}");
    }

    #[test]
    fn how_a_boot_ended() {
        let source = "DataSourceNoCloud [seed=/dev/vdb]";
        check(
            r#"{"v1": {"datasource": "DataSourceNoCloud [seed=/dev/vdb]", "errors": []}}"#,
            Ok((Some(source), &[])),
        );
        check(
            r#"{"v1": {"datasource": "DataSourceNoCloud [seed=/dev/vdb]", "errors": ["('runcmd', x)", "b"]}}"#,
            Ok((Some(source), &["('runcmd', x)", "b"])),
        );
        check(r#"{"v1": {"datasource": null, "errors": []}}"#, Ok((None, &[])));
        check(r#"{"v1": {"datasource": "DataSourceNone", "errors": []}}"#, Ok((None, &[])));
        check(r#"{"v1": {"datasource": "x"}}"#, Err("it has no list `errors`"));
        check("[]", Err("it has no `v1`"));
        check("{\"v1\": {\"da", Err("EOF while parsing a string at line 1 column 11"));
        check("", Err("EOF while parsing a value at line 1 column 0"));
    }

    /// What the agents of booted guests answered: Debian 12 (cloud-init 22.4.2) and 13 (25.1.4).
    macro_rules! captured {
        ($name:literal) => {
            include_bytes!(concat!("captured/", $name, ".json")).as_slice()
        };
    }

    #[test]
    fn results_of_booted_guests() {
        let error = |module, script| {
            format!(
                "('{module}', RuntimeError('Runparts: 1 failures ({script}) in 1 attempted commands'))"
            )
        };
        let user = error("scripts-user", "runcmd");
        let boot = error("scripts-per-boot", "homestak-first-boot");
        let [twelve, thirteen] =
            ["DataSourceNoCloud [seed=/dev/vdb][dsmode=net]", "DataSourceNoCloud [seed=/dev/vdb]"];
        for (content, source, errors) in [
            (captured!("debian12-result-good"), twelve, vec![]),
            (captured!("debian12-result-failed-bootstrap"), twelve, vec![user.clone()]),
            (captured!("debian12-result-failed-per-boot"), twelve, vec![boot]),
            (captured!("debian13-result-good"), thirteen, vec![]),
            (captured!("debian13-result-failed-bootstrap"), thirteen, vec![user.clone()]),
            (captured!("debian13-result-failed-runcmd"), thirteen, vec![user]),
            // User-data that is not YAML is not an error for cloud-init.
            (captured!("debian12-result-bad-yaml"), twelve, vec![]),
            (captured!("debian13-result-bad-yaml"), thirteen, vec![]),
        ] {
            let expected = BootResult { datasource: Some(source.to_owned()), errors };
            assert_eq!(result(content), Ok(expected));
        }
    }

    #[test]
    fn states_of_booted_guests() {
        for (content, expected) in [
            (captured!("debian12-status-running-config"), Some("modules-config")),
            (captured!("debian12-status-running-final"), Some("modules-final")),
            (captured!("debian12-status-between-stages"), None),
            (captured!("debian12-status-done-good"), None),
            (captured!("debian13-status-running-config"), Some("modules-config")),
            (captured!("debian13-status-running-final"), Some("modules-final")),
            (captured!("debian13-status-between-stages"), None),
            (captured!("debian13-status-done-good"), None),
        ] {
            assert_eq!(stage(content).as_deref(), expected);
            assert_eq!(recoverable(content), Vec::<String>::new());
        }
        assert_eq!(recoverable(captured!("debian12-status-done-bad-yaml")), Vec::<String>::new());
        assert_eq!(recoverable(captured!("debian13-status-done-failed-runcmd")).len(), 2);
        // It quotes the line `hostname: [edge` of the user-data.
        let quoting = recoverable(captured!("debian13-status-done-bad-yaml"));
        assert_eq!(quoting.len(), 3);
        assert!(quoting.iter().all(|text| !text.contains("[edge")), "{quoting:?}");
    }

    #[test]
    fn a_failed_program_is_named_without_its_arguments() {
        let failed = "Unexpected error while running command.\nCommand: ['useradd', 'ops', '--password', '$6$secret']\nExit code: 9\nReason: -\nStdout: \nStderr: x";
        let shown = text(&Value::from(failed));
        let expected = "Unexpected error while running command. useradd ended with 9 … (`cloud-init status --long` in the guest has more)";
        assert_eq!(shown, expected);
    }

    /// As cloud-init 22.4 and 25.1 write the error of a module: `str((name, exception))`.
    #[test]
    fn a_program_of_a_module_is_named_without_its_arguments_and_output() {
        let failed = r#"{"v1": {"datasource": "x", "errors": ["('users_groups', ProcessExecutionError(\"Unexpected error while running command.\\nCommand: ['useradd', 'ops', '--password', 'secret']\\nExit code: 9\\nReason: -\\nStdout: \\nStderr: secret\"))"]}}"#;
        let [shown] = result(failed.as_bytes()).unwrap().errors.try_into().unwrap();
        let expected = "('users_groups', ProcessExecutionError(\"Unexpected error while running command. useradd ended with 9 … (`cloud-init status --long` in the guest has more)";
        assert_eq!(shown, expected);
    }

    #[test]
    fn long_output_of_a_guest_is_shortened() {
        let long = "x".repeat(100 << 10);
        assert!(text(&Value::from(long.clone())).len() < 500);
        assert!(text(&serde_json::json!([[long]])).len() < 500);
        let failed = format!("a\nCommand: ['{long}']\nExit code: {long}");
        assert!(text(&Value::from(failed)).len() < 500);
        let status = format!(r#"{{"v1": {{"stage": "{long}"}}}}"#);
        assert_eq!(stage(status.as_bytes()).unwrap().len(), LONGEST_NAME);
        let bomb = format!(r#"{{"v1": {{"errors": [{}0]}}}}"#, r#"{"":0},"#.repeat(100 << 10));
        assert!(result(bomb.as_bytes()).unwrap_err().contains("more than cloud-init writes"));
        assert_eq!((stage(bomb.as_bytes()), recoverable(bomb.as_bytes())), (None, Vec::new()));
    }

    #[test]
    fn how_far_a_boot_is() {
        let of = |text: &str| stage(text.as_bytes());
        assert_eq!(of(r#"{"v1": {"stage": "modules-config"}}"#).as_deref(), Some("modules-config"));
        assert_eq!(of(r#"{"v1": {"stage": null}}"#), None);
        assert_eq!(of("{"), None);
    }

    #[test]
    fn what_went_wrong_and_stopped_nothing() {
        let status = r#"{"v1": {"init": {"errors": [], "recoverable_errors": {}},
            "init-local": {"errors": [], "recoverable_errors": {"WARNING": ["w1", "w2"]}},
            "modules-final": {"recoverable_errors": {"DEPRECATED": ["d"], "ERROR": ["e"]}}, "stage": null}}"#;
        assert_eq!(recoverable(status.as_bytes()), ["w1", "w2", "e"]);
        let old = r#"{"v1": {"init": {"errors": [], "start": 1.5, "finished": 2}, "stage": null}}"#;
        assert_eq!(recoverable(old.as_bytes()), Vec::<String>::new());
        assert_eq!(recoverable(b"x"), Vec::<String>::new());
        // Debian 13, user-data that is not YAML.
        let quoting = r#"{"v1": {"init": {"recoverable_errors": {"WARNING": ["Unexpected failure parsing userdata: while parsing a flow sequence\n  in \"<byte string>\", line 2, column 11:\n    password: [secret\n              ^"]}}}}"#;
        let [shown] = recoverable(quoting.as_bytes()).try_into().unwrap();
        assert!(shown.starts_with("Unexpected failure parsing userdata: while parsing"), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains('\n'), "{shown}");
    }
}
