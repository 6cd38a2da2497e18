//! Answers without what changes between runs, and without what is the node's own business.
//! A pure module: does no I/O.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

/// Values with these names change from one moment to the next, or describe the machine or its user.
const NUMBERS: [&str; 26] = [
    "avail",
    "cpu",
    "ctime",
    "disk",
    "diskread",
    "diskwrite",
    "maxmem",
    "mem",
    "memhost",
    "netin",
    "netout",
    "pid",
    "pressurecpufull",
    "pressurecpusome",
    "pressureiofull",
    "pressureiosome",
    "pressurememoryfull",
    "pressurememorysome",
    "starttime",
    "total",
    "uptime",
    "used",
    "used_fraction",
    "endtime",
    "pstart",
    "tokenid",
];

/// What changes in texts, and its name.
const TEXTS: [(&str, &str); 8] = [
    (r"UPID:([^:]*):[0-9A-F]{8}:[0-9A-F]{8,}:[0-9A-F]{8}:", "UPID:$1:<pid>:<pstart>:<starttime>:"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"creation-qemu=[^,]*", "creation-qemu=<version>"),
    (r"ctime=[0-9]+", "ctime=<number>"),
    (r"pveupload-[0-9a-f]+", "pveupload-<random>"),
    (r"(?-u:\b)[0-9a-f]{40}(?-u:\b)", "<digest>"),
    (r" at /usr/share/[^ ]+ line [0-9]+", " at <perl> line <number>"),
    (r"tmp_dwnl\.[0-9]+", "tmp_dwnl.<pid>"),
];

static CHANGING: LazyLock<Vec<(Regex, &str)>> =
    LazyLock::new(|| TEXTS.iter().map(|(pattern, name)| (regex(pattern), *name)).collect());
static MAC: LazyLock<Regex> = LazyLock::new(|| regex("(?:[0-9A-F]{2}:){5}[0-9A-F]{2}"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// Returns a value without what changes between runs; lists are sorted.
pub fn value(value: &Value) -> Value {
    match value {
        Value::String(one) => text(one).into(),
        Value::Array(rows) => {
            let mut rows: Vec<Value> = rows.iter().map(self::value).collect();
            rows.sort_by_key(Value::to_string);
            rows.into()
        }
        Value::Object(fields) => {
            let field = |(key, one): (&String, &Value)| {
                let volatile = NUMBERS.contains(&key.as_str()) && !one.is_object();
                let one = if volatile { "<number>".into() } else { self::value(one) };
                (key.clone(), one)
            };
            fields.iter().map(field).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Returns a text without what changes between runs.
pub fn text(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, name) in CHANGING.iter() {
        text = pattern.replace_all(&text, *name).into_owned();
    }
    // PVE's own MACs; those of requests end with 00:00:0N.
    let kept = |found: &Captures| match found[0].contains(":00:00:0") {
        true => found[0].to_owned(),
        false => "<mac>".to_owned(),
    };
    MAC.replace_all(&text, kept).into_owned()
}

/// Returns only the types of a value: for answers that describe the node and its other guests.
pub fn shape(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) | Value::Number(_) => "<number>".into(),
        Value::String(_) => "<text>".into(),
        Value::Array(rows) => {
            let mut rows: Vec<Value> = rows.iter().map(shape).collect();
            rows.sort_by_key(Value::to_string);
            rows.dedup();
            rows.into()
        }
        Value::Object(fields) => {
            let key =
                |key: &String| if key.starts_with('/') { "<text>".to_owned() } else { key.clone() };
            fields.iter().map(|(name, one)| (key(name), shape(one))).collect::<Map<_, _>>().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_changes_has_a_name() {
        for (seen, wanted) in [
            (
                "UPID:pve1:0000C3A1:00ABCDEF:6911C2F0:qmcreate:101:a@pve!b:",
                "UPID:pve1:<pid>:<pstart>:<starttime>:qmcreate:101:a@pve!b:",
            ),
            ("uuid=f16ac78e-eefc-41a9-8b5f-463f67a70198", "uuid=<uuid>"),
            ("virtio=BC:24:11:AB:CD:EF,bridge=vmbr0", "virtio=<mac>,bridge=vmbr0"),
            ("virtio=BC:24:11:00:00:01,bridge=vmbr0", "virtio=BC:24:11:00:00:01,bridge=vmbr0"),
            ("creation-qemu=10.1.2,ctime=1760000000", "creation-qemu=<version>,ctime=<number>"),
        ] {
            assert_eq!(text(seen), wanted);
        }
        assert_eq!(value(&json!({"mem": 7, "vmid": 100})), json!({"mem": "<number>", "vmid": 100}));
    }

    #[test]
    fn a_shape_has_no_name_of_the_node() {
        let seen =
            json!({"/vms/17": {"VM.Audit": 1}, "name": "secret", "rows": [{"a": "x"}, {"a": "y"}]});
        let wanted = json!({"<text>": {"VM.Audit": "<number>"}, "name": "<text>", "rows": [{"a": "<text>"}]});
        assert_eq!(shape(&seen), wanted);
    }
}
