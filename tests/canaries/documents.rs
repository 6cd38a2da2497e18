//! Documents with one canary each: every field valid, invalid, of another type, under a mistyped key.

use super::LEVELS;
use super::fields::{Field, Shown, Step};
use serde_json::{Map, Value, json};

/// A document with a canary in it.
pub(crate) struct Document {
    pub(crate) text: String,
    pub(crate) canary: String,
    /// What was done, for the message.
    pub(crate) what: String,
    /// Which of [`LEVELS`] to try it at.
    only: Option<usize>,
}

impl Document {
    /// Returns the levels to try it at: all, if the field is a secret or an address.
    pub(crate) fn levels(&self) -> impl Iterator<Item = &'static [&'static str]> {
        let only = self.only;
        let tried = move |index: &usize| only.is_none_or(|only| only == *index);
        (0..LEVELS.len()).filter(tried).map(|index| LEVELS[index])
    }
}

/// The image on the simulator's storage.
pub(crate) const IMAGE: &str = "local:import/img-0123456789ab.qcow2";

/// A valid document for the simulator, as resolve prints it.
fn base(endpoint: &str, token: &str) -> Value {
    json!({
        "node": "pve1", "api_endpoint": endpoint, "api_token": token, "ssh_user": "root",
        "automation_user": "homestak", "ssh_host": "", "datastore": "local-lvm",
        "image_datastore": "local", "root_password": "", "spec_server": "https://10.0.0.5:44443",
        "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7xZ0mJt5m1mSxg0aTq0oJq2rL9rN3w5yQe6uX8bVcD a@b"],
        "deployment": "dev", "images": {"img": IMAGE},
        "vms": [{"name": "vm", "vmid": 900, "image": "img", "cores": 1, "memory": 512, "disk": 4,
            "bridge": "vmbr0", "ip": "dhcp", "mac": "02:00:5e:10:00:01", "packages": [],
            "spec": "base", "auth_token": "", "user_data": "#cloud-config\n", "meta_data": "{}\n",
            "network_config": "version: 2\n", "instance_id": "i", "seed_fingerprint": "ab"}],
    })
}

/// Returns all documents of all fields.
pub(crate) fn of(fields: &[Field], endpoint: &str, token: &str) -> Vec<Document> {
    let mut all: Vec<Document> = Vec::new();
    for field in fields {
        for make in values(field.shown) {
            for mistyped in [false, true] {
                let canary = format!("ca{:06x}", all.len());
                let mut document = base(endpoint, token);
                put(&mut document, &field.path, make(field, &canary), mistyped);
                let only = (field.shown == Shown::Open).then_some(all.len() % LEVELS.len());
                let what = format!("document: {:?}, mistyped: {mistyped}", field.path);
                all.push(Document { text: document.to_string(), canary, what, only });
            }
        }
    }
    all
}

type Make = fn(&Field, &str) -> Value;

fn values(shown: Shown) -> Vec<Make> {
    let url: Make = |_, c| json!(format!("https://u:{c}@h.invalid/p.qcow2?sig={c}#{c}"));
    let token: Make = |_, c| json!(format!("a@pve!b={c}-0000-4000-8000-000000000001"));
    match shown {
        Shown::Open => vec![url, token],
        Shown::Address => vec![
            url,
            |_, c| json!(format!("u:{c}@h.invalid")),
            |_, c| json!(format!("https//u:{c}@h.invalid/?{c}")),
            |_, c| json!(format!("https://u:{c} {c}@h.invalid/p")),
            |_, c| json!(format!("ftp://u:{c}@h.invalid/p")),
            |_, c| json!([format!("https://u:{c}@h.invalid")]),
        ],
        Shown::Never => vec![
            |field, c| json!(field.valid(c)),
            |_, c| json!(c),
            |_, c| json!(format!("{c}\n{c}: {c}")),
            |_, c| json!([c]),
            |_, c| json!({"value": c}),
            |_, c| json!({"write_files": [{"path": "/x", "content": c}, {"content": [c]}]}),
            |_, c| json!({"write_files": [{"path": c, "content": c, "encoding": "b64"}], "runcmd": [c, [c], {"x": c}]}),
            |_, c| {
                let mut keys = Map::new();
                keys.insert(format!("{c}{c}{c}{c}{c}"), c.into());
                keys.into()
            },
        ],
    }
}

/// Puts a value at a path, or under a key with a typo.
fn put(at: &mut Value, path: &[Step], value: Value, mistyped: bool) {
    let Some((step, rest)) = path.split_first() else {
        *at = value;
        return;
    };
    // The key before the last is the field's own.
    let is_last = !rest.iter().any(|step| matches!(step, Step::Key(_)));
    let next = match step {
        Step::Key(key) if is_last && mistyped => &mut at[format!("{key}s")],
        Step::Key(key) => &mut at[key],
        Step::Name => &mut at["img"],
        Step::Item => {
            if !at.is_array() || at.as_array().is_some_and(Vec::is_empty) {
                *at = json!([null]);
            }
            &mut at[0]
        }
    };
    if matches!(rest.first(), Some(Step::Name)) && !next.is_object() {
        *next = json!({});
    }
    put(next, rest, value, mistyped);
}
