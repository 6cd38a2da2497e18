//! `resolve init`: a new site, made from `examples/minimal`. Does no I/O itself.

mod files;

use crate::cli::{InitArgs, InitEnvironment};

use crate::shape::{ENDPOINT, NODE_NAME, Rule, SSH_KEY};
use stage::{Console, Entry, Event, Failure, Output, Place, Report, random, shell_word, shown};
use std::path::{Path, PathBuf};

/// The example that a new site is made from. Each fact of it lives in these files alone.
mod example {
    pub(super) const SITE: &str = include_str!("../../examples/minimal/site.yaml");
    pub(super) const NODE: &str = include_str!("../../examples/minimal/nodes/pve1.yaml");
    pub(super) const ENV: &str = include_str!("../../examples/minimal/envs/dev.yaml");
    pub(super) const SECRETS: &str = include_str!("../../examples/minimal/secrets.yaml");
}

/// The values of the example that a new site replaces.
const NAME: &str = "site: example";
const NODE: &str = "pve1";
const NODE_OF_VMS: &str = "node: pve1";
const ENDPOINT_VALUE: &str = "https://pve1.example:8006";
const KEY: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const SSH_KEY_LINE: &str = "# me: ssh-ed25519 AAAA... me@laptop";

/// Where `ssh-keygen` writes public keys, the best first; below the home directory.
const USUAL_KEYS: [&str; 3] = [".ssh/id_ed25519.pub", ".ssh/id_ecdsa.pub", ".ssh/id_rsa.pub"];

/// One file of a new site.
struct NewFile {
    path: String,
    text: String,
    /// Readable by its owner only.
    secret: bool,
}

/// What a new site is made of, besides the example.
struct Values<'a> {
    name: &'a str,
    node: &'a str,
    endpoint: Option<&'a str>,
    signing_key: &'a str,
    ssh_key: Option<&'a str>,
}

/// Writes a new site, names its files on stdout and the next steps on stderr.
///
/// # Errors
/// An option or a variable has an unusable value, a file exists, or one cannot be written; then
/// no file is left.
pub(crate) fn run(
    args: InitArgs,
    site: Option<PathBuf>,
    env: InitEnvironment,
    console: &Console,
) -> Result<Output, Failure> {
    let mut report = Report::new();
    let folder = folder(&mut report, args.dir, site);
    let node = chosen(&mut report, [("--node", args.node), ("PVE_NODE", env.node)], &NODE_NAME);
    let endpoints = [("--endpoint", args.endpoint), ("PVE_ENDPOINT", env.endpoint)];
    let endpoint = chosen(&mut report, endpoints, &ENDPOINT);
    let ssh_key = ssh_key(&mut report, args.ssh_key.as_deref(), env.home.as_deref());
    if report.has_errors() {
        return Err(report.into());
    }
    let values = Values {
        name: &format!("site-{}", random::hex::<3>()?),
        node: node.as_deref().unwrap_or(NODE),
        endpoint: endpoint.as_deref(),
        signing_key: &random::hex::<32>()?,
        ssh_key: ssh_key.as_deref(),
    };
    let written = files::write(&folder, &new_files(&values))?;
    // Before the steps, which are what the user reads last.
    console.report(&report);
    for text in next_steps(&folder, &values) {
        console.event(&Event::new("next", "next", &text));
    }
    let lines: String = written.iter().map(|path| format!("{}\n", path.display())).collect();
    Ok(Output::bytes(lines, Report::new()))
}

/// Returns the directory of the new site: DIR, that of `--site`, or the current one.
fn folder(report: &mut Report, dir: Option<PathBuf>, site: Option<PathBuf>) -> PathBuf {
    if let (Some(dir), Some(site)) = (&dir, &site)
        && dir != site
    {
        let (dir, site) = (dir.display(), site.display());
        let fact = format!("the new site cannot be in both \"{dir}\" and \"{site}\"");
        let entry = Entry::error("invalid-value", Place::Named("--site".to_owned()), fact);
        report.push(entry.hint("leave `--site` out"));
    }
    dir.or(site).unwrap_or_default()
}

/// The first value that is given, from an option or a variable, held to a rule.
fn chosen(report: &mut Report, given: [(&str, Option<String>); 2], rule: &Rule) -> Option<String> {
    let (by, value) = given.into_iter().find_map(|(by, value)| Some((by, value?)))?;
    if !rule.accepts(&value) {
        let fact = format!("must be {}, not \"{}\"", rule.must, shown::address(&value));
        report.error("invalid-value", Place::Named(by.to_owned()), fact);
    }
    Some(value)
}

/// The user's public key: that of the option, else the first usual one, else none and a warning.
fn ssh_key(report: &mut Report, option: Option<&Path>, home: Option<&Path>) -> Option<String> {
    let usual = home.into_iter().flat_map(|home| USUAL_KEYS.map(|name| home.join(name)));
    let paths = option.map_or_else(|| usual.collect(), |path| vec![path.to_owned()]);
    for path in &paths {
        let place = || Place::file(path.display().to_string());
        match files::read_key(path) {
            Ok(text) if SSH_KEY.accepts(text.trim()) => return Some(text.trim().to_owned()),
            // The text may be a private key: it is not shown.
            Ok(text) => {
                let fault = SSH_KEY.fault.and_then(|fault| fault(text.trim()).err());
                let fact = fault.map_or_else(|| format!("must be {}", SSH_KEY.must), str::to_owned);
                let entry = Entry::error("invalid-ssh-key", place(), fact);
                report.push(entry.hint("choose another file with `--ssh-key FILE`"));
                return None;
            }
            Err(error) if option.is_some() => {
                report.push(Entry::error("unreadable", place(), "cannot be read").cause(&error));
                return None;
            }
            Err(_) => {}
        }
    }
    let place =
        home.map_or(Place::Run, |home| Place::file(home.join(".ssh").display().to_string()));
    let fact = "no SSH key found: you will not be able to log in to the VMs";
    let hint = "add your public key under `ssh_keys` in secrets.yaml; `ssh-keygen` creates one";
    report.push(Entry::warning("no-login", place, fact).hint(hint));
    None
}

fn new_files(values: &Values<'_>) -> [NewFile; 4] {
    let public = |path: &str, text: String| NewFile { path: path.to_owned(), text, secret: false };
    let endpoint = values.endpoint.unwrap_or(ENDPOINT_VALUE);
    let node_of_vms = format!("node: {}", yaml_text(values.node));
    [
        public("site.yaml", put(example::SITE, NAME, &format!("site: {}", values.name))),
        public(
            &format!("nodes/{}.yaml", values.node),
            put(example::NODE, ENDPOINT_VALUE, endpoint),
        ),
        public("envs/dev.yaml", put(example::ENV, NODE_OF_VMS, &node_of_vms)),
        NewFile { path: "secrets.yaml".to_owned(), text: secrets(values), secret: true },
    ]
}

fn secrets(values: &Values<'_>) -> String {
    let token = format!("  {}: ", yaml_text(values.node));
    let text = put(example::SECRETS, &format!("  {NODE}: "), &token);
    let text = put(&text, KEY, values.signing_key);
    match values.ssh_key {
        Some(key) => put(&text, SSH_KEY_LINE, &format!("me: {}", yaml_text(key))),
        None => text,
    }
}

/// Replaces a value of the example; a test holds each of them to be there once.
fn put(text: &str, value: &str, by: &str) -> String {
    text.replacen(value, by, 1)
}

/// A text as YAML reads it back: in quotes wherever a reader might see anything else.
fn yaml_text(text: &str) -> String {
    const OTHERS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let plain = |c: char| c.is_ascii_alphanumeric() || " +/=@._-".contains(c);
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(plain)
        && !OTHERS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

fn next_steps(folder: &Path, values: &Values<'_>) -> Vec<String> {
    let path = |name: &str| folder.join(name).display().to_string();
    let site = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut steps = Vec::new();
    let node = path(&format!("nodes/{}.yaml", values.node));
    if values.endpoint.is_none() {
        steps.push(format!("set `api_endpoint` in {node}"));
    }
    steps.push(format!(
        "run `resolve --site {} --env dev | pve-apply privileges --document --wait cloud-init`; it prints the commands that make an API token",
        shell_word(&site.display().to_string())
    ));
    steps.push(format!("put the API token into {}", path("secrets.yaml")));
    steps.push(format!(
        "unless a CA that this machine trusts has signed the node's certificate, set `api_fingerprint` in {node}, or PVE_FINGERPRINT, to the fingerprint that the node shows under System > Certificates"
    ));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_has_each_value_once() {
        for (text, value) in [
            (example::SITE, NAME),
            (example::NODE, ENDPOINT_VALUE),
            (example::ENV, NODE_OF_VMS),
            (example::SECRETS, &format!("  {NODE}: ")),
            (example::SECRETS, KEY),
            (example::SECRETS, SSH_KEY_LINE),
        ] {
            assert_eq!(text.matches(value).count(), 1, "{value}");
        }
    }

    #[test]
    fn texts_are_quoted_where_yaml_reads_something_else() {
        for plain in ["pve1", "ssh-ed25519 AAAA+/= me@laptop"] {
            assert_eq!(yaml_text(plain), plain);
        }
        for other in ["1", "1e3", "No", "null", "ssh-ed25519 AAAA a: b", "ssh-ed25519 AAAA #1"] {
            assert_eq!(yaml_text(other), format!("\"{other}\""));
        }
    }
}
