//! Checks references to other files and to names in secrets.yaml. Does no I/O.

use super::{
    ENVS, FileKind, MANIFESTS, NETWORKS, NODES, OLDER_POSTURES, POSTURES, PRESETS, SPECS, Site,
    TEMPLATES,
};
use crate::shape::{Reference, SSH_KEY, Target};
use crate::source::Span;
use crate::suggest;
use crate::tree::Tree;
use stage::{Entry, shell_word, shown};

const TOKEN_COMMANDS: &str =
    "`pve-apply privileges` prints the commands that make a token for your node";

/// Older specs wrote `ssh_keys.NAME`.
const PREFIX: &str = "ssh_keys.";

/// Returns whether a manifest refers to a nested node of its own. The file of that node may not exist
/// yet: `pve-apply wait --pve` writes it.
pub(super) fn is_nested(file: &Tree, reference: &Reference) -> bool {
    let nodes = file.get("nodes").map(|nodes| nodes.items()).unwrap_or_default();
    let text = |tree: &Tree, key, text: &str| tree.get(key).and_then(|it| it.text()) == Some(text);
    let is_it = |tree: &Tree| text(tree, "type", "pve") && text(tree, "name", &reference.name);
    reference.target == Target::Node && nodes.iter().filter_map(|node| node.map()).any(is_it)
}

impl Site<'_> {
    /// Reports a reference to something that does not exist.
    pub(super) fn check_reference(&mut self, reference: &Reference) {
        let Reference { target, name, at } = reference;
        let kind: &FileKind = match target {
            Target::Preset => &PRESETS,
            Target::Template => &TEMPLATES,
            Target::Spec => &SPECS,
            Target::Network => &NETWORKS,
            // A repository may leave out nodes/ and should still pass the check.
            Target::Node if self.names(&NODES).is_empty() => return,
            Target::Node => &NODES,
            Target::Posture => self.postures_for(*at),
            // Which images exist depends on the node.
            Target::Image => return,
            Target::Token => return self.token(name, *at),
            Target::SshKey => return self.key(name, *at),
        };
        self.find(kind, name, Some(self.sources.place(*at)));
    }

    /// Returns where the posture of a file is: specs in `v2/` have theirs next to them.
    pub(crate) fn postures_for(&self, at: Span) -> &'static FileKind {
        let file = self.sources.file(at.file);
        let is_older =
            file.is_some_and(|file| SPECS.older.iter().any(|f| file.path.starts_with(f)));
        if is_older { &OLDER_POSTURES } else { &POSTURES }
    }

    fn token(&mut self, name: &str, at: Span) {
        let there = self.secrets.as_ref().is_some_and(|s| s.api_tokens.contains_key(name));
        if !there && !self.secrets_unknown {
            let entry = self.no_token(name, at, true);
            self.report.push(entry);
        }
    }

    /// Returns the finding for a missing token. A `written` name may be the token itself, in the
    /// wrong place.
    pub(crate) fn no_token(&self, name: &str, at: Span, written: bool) -> Entry {
        if let Some(empty) = self.secrets.as_ref().and_then(|s| s.empty_tokens.get(name)) {
            let place = self.sources.short(*empty);
            let fact = format!("API token \"{name}\" is empty at {place}");
            return self.sources.error("unknown-api-token", at, fact).hint(TOKEN_COMMANDS);
        }
        // So may the name of an invalid token.
        let tokens = self.secrets.iter().flat_map(|s| &s.api_tokens);
        let sound = tokens.filter(|(_, token)| token.is_some()).map(|(name, _)| name.as_str());
        let hint = self.secrets_hint(name, "api_tokens", sound.clone());
        let is_typo = suggest::near(name, sound).is_some();
        let fact = match written && !is_typo {
            true => "`api_token` does not name a token in secrets.yaml".to_owned(),
            false => format!("API token \"{name}\" does not exist"),
        };
        let entry = self.sources.error("unknown-api-token", at, fact);
        let note = "`api_token` defaults to the file name";
        if written { entry.hint(hint) } else { entry.note(note).hint(hint) }
    }

    /// Returns the key with a name, or the key itself.
    pub(crate) fn ssh_key(&self, text: &str) -> Option<String> {
        let name = text.strip_prefix(PREFIX).unwrap_or(text);
        let mut keys = self.secrets.iter().flat_map(|secrets| &secrets.ssh_keys);
        let named = keys.find(|(known, _)| known == name).map(|(_, key)| key.clone());
        named.or_else(|| SSH_KEY.accepts(text).then(|| text.trim().to_owned()))
    }

    fn key(&mut self, text: &str, at: Span) {
        if self.secrets_unknown || self.ssh_key(text).is_some() {
            return;
        }
        let name = text.strip_prefix(PREFIX).unwrap_or(text);
        let keys = self.secrets.as_ref().map(|s| s.ssh_keys.as_slice()).unwrap_or_default();
        let names = keys.iter().map(|(name, _)| name.as_str());
        if stage::guest::is_meant_as_key(text) {
            // A key, which is not shown: it may be a private key.
            let fault = SSH_KEY.fault.and_then(|fault| fault(text).err()).unwrap_or(SSH_KEY.must);
            let entry = self.sources.error("invalid-ssh-key", at, format!("an SSH key {fault}"));
            return self.report.push(entry);
        }
        if let Some(empty) = self.secrets.as_ref().and_then(|s| s.empty_keys.get(name)) {
            let place = self.sources.short(*empty);
            let fact = format!("SSH key \"{}\" is empty at {place}", shown::name(name));
            return self.report.push(self.sources.error("unknown-ssh-key", at, fact));
        }
        let hint = self.secrets_hint(name, "ssh_keys", names);
        let fact = format!("SSH key \"{}\" does not exist", shown::name(name));
        let entry = self.sources.error("unknown-ssh-key", at, fact);
        self.report.push(entry.hint(hint));
    }

    /// Returns a hint for a missing file. It does not mention unused directories.
    pub(super) fn hint(&self, kind: &FileKind, name: &str) -> String {
        let mut ignored = self.sources.ignored.iter();
        if let Some(ignored) = ignored.find(|ignored| ignored.is_meant_by(kind.folders, name)) {
            return ignored.to_string();
        }
        for (other, option) in [(&MANIFESTS, "--manifest"), (&ENVS, "--env")] {
            let asked = [&ENVS, &MANIFESTS].contains(&kind) && kind != other;
            if asked && self.names(other).contains(&name) {
                let (folder, name) = (other.folders[0], shell_word(name));
                return format!("{folder}/ has it: use `{option} {name}`");
            }
        }
        if let Some(stem) = stem_of_path(name).filter(|stem| self.names(kind).contains(stem)) {
            return format!("write `{stem}`");
        }
        if let Some(stem) = self.node_called(name).filter(|_| *kind == NODES) {
            return format!("it is the name in PVE of nodes/{stem}.yaml: write {stem}");
        }
        let mut used: Vec<&str> = kind.all_folders().collect();
        used.retain(|folder| self.sources.stems(folder).next().is_some());
        let place = match used[..] {
            [] => kind.folders[0].to_owned() + "/",
            _ => used.join("/ and ") + "/",
        };
        suggest::reference(name, &place, self.names(kind).into_iter())
    }
}

/// Returns the name of a file that is given as a path, such as `envs/dev.yaml`.
fn stem_of_path(path: &str) -> Option<&str> {
    let file = path.rsplit('/').next()?;
    let stem =
        [".yaml", ".yml"].iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(file);
    (stem != path).then_some(stem)
}
