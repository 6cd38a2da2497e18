//! The mark by which a VM is known to be ours: the tag `pve-pipeline` and a line in the description.
//!
//! `pve-pipeline: deployment=NAME vm=NAME run=NONCE seed=FINGERPRINT`
//! Both must be there: a tag alone can be set by a slip of the hand, a description can be copied
//! with a template. Other lines of the description belong to people and are kept. Does no I/O.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The tag that every VM of ours carries. PVE lists tags without a read of the config.
pub(crate) const TAG: &str = "pve-pipeline";

/// What begins our line of the description.
const LINE: &str = "pve-pipeline: ";

/// What our line of the description says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// The deployment that the VM belongs to.
    pub deployment: String,
    /// The VM's name in the document.
    pub vm: String,
    /// The run that wrote the line: tells our own create from somebody else's.
    pub run: String,
    /// The fingerprint of the seed data that the VM was made from; empty for none.
    pub seed: String,
}

impl Mark {
    /// Reads the mark of a description. `None` when there is no line of ours, more than one, or a broken one.
    pub(crate) fn parse(description: &str) -> Option<Self> {
        let mut lines = description.lines().filter_map(|line| line.trim_end().strip_prefix(LINE));
        let line = lines.next()?;
        // Two marks would let one VM answer to two names: it is nobody's then.
        if lines.next().is_some() {
            return None;
        }
        let field = |key: &str| {
            let mut values = line
                .split(' ')
                .filter_map(|part| part.split_once('=').filter(|(k, _)| *k == key))
                .map(|(_, value)| value.to_owned());
            let value = values.next()?;
            values.next().is_none().then_some(value)
        };
        Some(Self {
            deployment: field("deployment")?,
            vm: field("vm")?,
            run: field("run")?,
            seed: field("seed")?,
        })
    }

    /// Returns the line for the description.
    pub(crate) fn line(&self) -> String {
        let Self { deployment, vm, run, seed } = self;
        format!("{LINE}deployment={deployment} vm={vm} run={run} seed={seed}")
    }

    /// Puts the line into a description: in the place of the old one, else at the end.
    pub(crate) fn write_into(&self, description: &str) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut placed = false;
        for line in description.lines() {
            if !line.starts_with(LINE) {
                lines.push(line.to_owned());
            } else if !placed {
                lines.push(self.line());
                placed = true;
            }
        }
        if !placed {
            lines.push(self.line());
        }
        lines.join("\n")
    }

    /// Says whether both name the same VM of the same deployment, whichever run wrote them.
    pub(crate) fn same_vm(&self, other: &Self) -> bool {
        self.deployment == other.deployment && self.vm == other.vm
    }
}

/// Reads the mark of a VM: `None` unless the tag and the line are both there.
pub(crate) fn of_vm(tags: &str, description: &str) -> Option<Mark> {
    tag_set(tags).contains(TAG).then(|| Mark::parse(description)).flatten()
}

/// Splits PVE's tags; they are compared without regard to case.
pub(crate) fn tag_set(tags: &str) -> BTreeSet<String> {
    // PVE: pve-guest-common, GuestHelpers.pm: `;`, `,` and white space all separate.
    let parts = tags.split(|c: char| c == ';' || c == ',' || c.is_whitespace());
    parts.filter(|tag| !tag.is_empty()).map(str::to_lowercase).collect()
}

/// Says whether a name can stand in our line: it is one word.
pub(crate) fn is_word(text: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !text.is_empty() && text.len() <= 64 && text.chars().all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        let text = |s: &str| s.to_owned();
        Mark { deployment: text("dev"), vm: text("edge"), run: text("0af3"), seed: text("9b1c") }
    }

    fn check(description: &str, expected: Option<Mark>) {
        assert_eq!(Mark::parse(description), expected, "{description:?}");
    }

    #[test]
    fn a_mark_is_read_where_it_stands() {
        let line = mark().line();
        check(&line, Some(mark()));
        check(&format!("first\n{line}\nlast"), Some(mark()));
        check(&format!("{line} later=field"), Some(mark()));
    }

    #[test]
    fn a_broken_or_double_mark_is_none() {
        let line = mark().line();
        check("", None);
        check("pve-pipeline", None);
        check("pve-pipeline: deployment=dev vm=edge run=1", None);
        check(&format!("text {line}"), None);
        check(&format!("{line}\n{line}"), None);
        check(&format!("{line} vm=other"), None);
    }

    #[test]
    fn both_tag_and_line_are_needed() {
        let line = mark().line();
        assert_eq!(of_vm("a;PVE-pipeline", &line), Some(mark()));
        assert_eq!(of_vm("a", &line), None);
        assert_eq!(of_vm("pve-pipeline", "x"), None);
    }

    #[test]
    fn people_keep_their_lines() {
        let old = Mark { run: "old".into(), ..mark() };
        let text = format!("# Edge\n\n{}\nask Jo", old.line());
        assert_eq!(mark().write_into(&text), format!("# Edge\n\n{}\nask Jo", mark().line()));
        assert_eq!(mark().write_into("x"), format!("x\n{}", mark().line()));
        assert_eq!(mark().write_into(""), mark().line());
    }
}
