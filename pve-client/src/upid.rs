//! UPID: the name of a task. Parses and displays PVE's exact form. Does no I/O.

use std::fmt;
use std::str::FromStr;

use crate::ids::{BadName, NodeName};

/// The name of a task: `UPID:node:pid:pstart:starttime:type:id:user:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Upid {
    text: String,
    node: NodeName,
    kind: String,
    id: String,
    user: String,
}

impl Upid {
    /// The rule for a UPID.
    pub const RULE: &str = "a UPID: `UPID:node:pid:pstart:starttime:type:id:user:`";

    /// Returns PVE's original text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the node that runs the task and answers for it.
    pub fn node(&self) -> &NodeName {
        &self.node
    }

    /// Returns the task's type, such as `qmcreate` or `imgcopy`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the object of the task, often a vmid; may be empty.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns who started the task: `user@realm` or `user@realm!token`.
    pub fn user(&self) -> &str {
        &self.user
    }
}

impl FromStr for Upid {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { text: text.to_owned(), rule: Self::RULE };
        let parts: Vec<&str> = text.split(':').collect();
        // PVE: facts 33; the user contains `@` and `!`, never a colon; the text ends with one.
        let ["UPID", node, pid, pstart, starttime, kind, id, user, ""] = parts[..] else {
            return Err(bad());
        };
        let hex = |field: &str, lengths: std::ops::RangeInclusive<usize>| {
            lengths.contains(&field.len()) && field.bytes().all(|b| b.is_ascii_hexdigit())
        };
        // PVE: pve-common, UPID.pm: pstart may have a ninth digit.
        let numbers = hex(pid, 8..=8) && hex(pstart, 8..=9) && hex(starttime, 8..=8);
        if !numbers || kind.is_empty() || user.is_empty() || text.contains(char::is_whitespace) {
            return Err(bad());
        }
        Ok(Self {
            text: text.to_owned(),
            node: node.parse().map_err(|_| bad())?,
            kind: kind.to_owned(),
            id: id.to_owned(),
            user: user.to_owned(),
        })
    }
}

impl fmt::Display for Upid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str, &str, &str)>) {
        let got = text.parse::<Upid>().ok();
        let parts = got.as_ref().map(|u| (u.node().as_str(), u.kind(), u.id(), u.user()));
        assert_eq!(parts, expected, "{text}");
        if let Some(upid) = got {
            assert_eq!(upid.to_string(), text);
        }
    }

    #[test]
    fn parses_and_displays_pves_form() {
        let token = "UPID:pve1:0003A1F2:01C9D0E4:68FF2B10:qmcreate:99022:root@pam!iac:";
        check(token, Some(("pve1", "qmcreate", "99022", "root@pam!iac")));
        check(
            "UPID:pve1:0003A1F2:01C9D0E44:68FF2B10:srvreload::a@pve:",
            Some(("pve1", "srvreload", "", "a@pve")),
        );
    }

    #[test]
    fn refuses_other_texts() {
        check("", None);
        check("UPID:pve1:0003A1F2:01C9D0E4:68FF2B10:qmcreate:99022:root@pam!iac", None);
        check("UPID:pve1:XYZ:01C9D0E4:68FF2B10:qmcreate:99022:root@pam:", None);
        check("UPID:p/../q:0003A1F2:01C9D0E4:68FF2B10:qmcreate:99022:root@pam:", None);
        check("upid:pve1:0003A1F2:01C9D0E4:68FF2B10:qmcreate:99022:root@pam:", None);
    }
}
