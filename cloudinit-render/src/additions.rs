//! `Additions`: what a site adds to every VM, from the document's `cloud_init` and from fragments,
//! and what a VM adds to that. Does no I/O.
//!
//! Merging: lists are appended, single values are replaced by the later one.

use crate::field::{list, single, unknown_keys};
use crate::write_file::WriteFile;
use serde::Serialize;
use serde_json::Value;
use stage::guest::{self, Rule};
use stage::{Deployment, Fields, Report};

/// Additions to what every VM gets. All values have passed the rules.
#[derive(Clone, Default)]
pub(crate) struct Additions {
    /// After qemu-guest-agent, before the VM's own.
    pub(crate) packages: Vec<String>,
    /// Time zone.
    pub(crate) timezone: Option<String>,
    /// Domain of each VM's full name, and search domain of its resolver.
    pub(crate) domain: Option<String>,
    /// Name servers.
    pub(crate) dns_servers: Vec<String>,
    /// Files that cloud-init writes.
    pub(crate) write_files: Vec<WriteFile>,
    /// Commands of the first boot.
    pub(crate) runcmd: Vec<Command>,
    /// Mode of /etc/profile.d/homestak.sh instead of 0600.
    pub(crate) profile_mode: Option<String>,
    /// The CA that the spec server's certificate must be signed by.
    pub(crate) ca_certificate: Option<String>,
    /// The fingerprint that the spec server's certificate must have.
    pub(crate) server_fingerprint: Option<String>,
}

/// One entry of cloud-init's `runcmd`.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Command {
    /// A line, or a script, for the shell.
    Shell(String),
    /// A program and its arguments; cloud-init quotes them.
    Words(Vec<String>),
}

const KEYS: [&str; 9] = [
    "packages",
    "timezone",
    "domain",
    "dns_servers",
    "write_files",
    "runcmd",
    "profile_mode",
    "ca_certificate",
    "server_fingerprint",
];

impl Additions {
    /// Reads the document's `cloud_init`.
    pub(crate) fn read_document(
        deployment: &Deployment,
        users: &[&str],
        report: &mut Report,
    ) -> Self {
        let mut fields = Fields::new(&deployment.cloud_init, "cloud_init", report);
        Self::read(&mut fields, users)
    }

    /// Reads an object with the keys above; every problem is reported.
    /// `users` are those that cloud-init creates.
    pub(crate) fn read(f: &mut Fields<'_>, users: &[&str]) -> Self {
        unknown_keys(f, &KEYS);
        let additions = Self {
            packages: list(f, "packages", guest::package),
            timezone: single(f, "timezone", guest::timezone),
            domain: single(f, "domain", guest::host_name),
            dns_servers: list(f, "dns_servers", guest::address),
            write_files: f.each("write_files", |f| WriteFile::read(f, users)),
            runcmd: commands(f),
            profile_mode: single(f, "profile_mode", profile_mode),
            ca_certificate: single(f, "ca_certificate", guest::certificate),
            server_fingerprint: single(f, "server_fingerprint", guest::fingerprint),
        };
        if additions.ca_certificate.is_some() && additions.server_fingerprint.is_some() {
            f.problem(
                "exclusive-keys",
                "server_fingerprint",
                "cannot be combined with `ca_certificate`",
            );
        }
        additions
    }

    /// Returns whether the spec server's certificate is pinned.
    pub(crate) fn pins_server(&self) -> bool {
        self.ca_certificate.is_some() || self.server_fingerprint.is_some()
    }

    /// Merges a later source into this one.
    pub(crate) fn merge(&mut self, later: Self) {
        // A pin of one kind replaces a pin of the other: the two could contradict each other.
        if later.pins_server() {
            self.ca_certificate = later.ca_certificate;
            self.server_fingerprint = later.server_fingerprint;
        }
        self.packages.extend(later.packages);
        self.dns_servers.extend(later.dns_servers);
        self.write_files.extend(later.write_files);
        self.runcmd.extend(later.runcmd);
        let replace = |own: &mut Option<String>, later: Option<String>| {
            if later.is_some() {
                *own = later;
            }
        };
        replace(&mut self.timezone, later.timezone);
        replace(&mut self.domain, later.domain);
        replace(&mut self.profile_mode, later.profile_mode);
    }
}

fn profile_mode(text: &str) -> Rule {
    if guest::PROFILE_MODES.contains(&text) {
        return Ok(());
    }
    Err("must be \"0600\", \"0640\" or \"0644\"")
}

fn commands(f: &mut Fields<'_>) -> Vec<Command> {
    let items = match f.json().get("runcmd") {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(items)) => items,
        Some(_) => {
            f.problem("wrong-type", "runcmd", "must be a list of commands");
            return Vec::new();
        }
    };
    let mut commands = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match command(item) {
            Ok(command) => commands.push(command),
            Err(fact) => f.problem("wrong-type", &format!("runcmd[{index}]"), fact),
        }
    }
    commands
}

fn command(item: &Value) -> Result<Command, &'static str> {
    const TYPE: &str = "must be a string, or a list of strings: a program and its arguments";
    match item {
        Value::String(line) => guest::command(line).map(|()| Command::Shell(line.clone())),
        Value::Array(words) if !words.is_empty() => {
            let word = |word: &Value| {
                let word = word.as_str().ok_or(TYPE)?;
                guest::command(word).map(|()| word.to_owned())
            };
            Ok(Command::Words(words.iter().map(word).collect::<Result<_, _>>()?))
        }
        _ => Err(TYPE),
    }
}
