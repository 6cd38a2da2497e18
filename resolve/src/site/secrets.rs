//! secrets.yaml, and the tokens in secrets.d/. Does no I/O.

use super::{Secrets, Site};
use crate::shape;
use crate::suggest;
use crate::tree::{Spanned, Tree};
use stage::{shown, signing_key};

/// The directory of tokens that programs write.
const TOKENS: &str = "secrets.d";

impl Site<'_> {
    /// Reads all secrets.
    pub(super) fn read_secrets(&mut self) {
        if let Some(file) = self.sources.find("secrets.yaml") {
            let tree = self.read(file, &shape::SECRETS);
            tree.iter().for_each(|tree| self.check_key_names(tree));
            self.secrets = tree.map(|tree| Secrets::read(&tree));
            self.secrets_unknown = self.secrets.is_none();
        }
        self.add_tokens();
    }

    /// Adds the tokens in secrets.d/.
    fn add_tokens(&mut self) {
        let sources = self.sources;
        if sources.unreadable.contains_key(TOKENS) && self.unreadable_reported.insert(TOKENS) {
            self.report.push(self.unreadable(TOKENS));
            self.secrets_unknown = true;
        }
        for stem in sources.stems(TOKENS) {
            let Some(file) = sources.find(&format!("{TOKENS}/{stem}.yaml")) else { continue };
            let Some(tree) = self.read(file, &shape::TOKENS) else {
                self.secrets_unknown = true;
                continue;
            };
            for (name, first, second) in self.secrets.get_or_insert_default().add_tokens(&tree) {
                let fact = format!("API token \"{}\" exists twice", shown::name(&name));
                let entry = sources.error("duplicate-key", second, fact);
                let first = sources.short(first);
                self.report.push(entry.note(format!("the other one is at {first}")));
            }
        }
    }

    /// Reports names of signing keys that mint-token refuses. They may be keys, in the wrong place.
    fn check_key_names(&mut self, secrets: &Tree) {
        let keys = secrets.find(&["auth", "signing_keys"]).and_then(Spanned::map);
        let wrong = keys.into_iter().flat_map(Tree::iter);
        for (_, spanned) in wrong.filter(|(name, _)| !signing_key::is_name(name)) {
            let entry = self.sources.error("invalid-name", spanned.at, signing_key::NAME_RULE);
            self.report.push(entry);
        }
    }

    /// Returns a hint for a name that is missing in a section of secrets.yaml.
    pub(crate) fn secrets_hint<'a>(
        &self,
        wrong: &str,
        section: &str,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> String {
        match self.secrets {
            Some(_) => suggest::reference(wrong, &format!("`{section}` in secrets.yaml"), names),
            None => {
                let mut ignored = self.sources.ignored.iter();
                match ignored.find(|ignored| ignored.must.ends_with("secrets.yaml")) {
                    Some(ignored) => ignored.to_string(),
                    None => format!("{}/secrets.yaml does not exist", self.sources.root),
                }
            }
        }
    }
}
