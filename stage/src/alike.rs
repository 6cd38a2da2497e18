//! Which findings are printed once for many subjects: twenty VMs on one full storage are one problem.
//! Does no I/O.

use crate::report::{Entry, Place};
use std::collections::BTreeMap;

/// So many further subjects are named, the rest is counted.
const NAMED: usize = 8;

/// Findings that say the same of different places.
pub(crate) struct Group<'a> {
    /// The first of them, which stands for all.
    pub(crate) first: &'a Entry,
    /// The others, in order.
    pub(crate) others: Vec<&'a Entry>,
}

/// Returns the findings in the order of the first of each kind.
///
/// Two are alike when nothing but their VM (name and vmid) or their node, and their task differs. Only
/// findings about a subject or a node are: a line of a file and a field of the document are always shown by
/// themselves, since each one has to be edited.
pub(crate) fn groups(entries: &[Entry]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut known: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for entry in entries {
        let key = key(entry);
        match key.as_ref().and_then(|key| known.get(key)).and_then(|at| groups.get_mut(*at)) {
            Some(group) => group.others.push(entry),
            None => {
                known.extend(key.map(|key| (key, groups.len())));
                groups.push(Group { first: entry, others: Vec::new() });
            }
        }
    }
    groups
}

impl Group<'_> {
    /// How many findings it has.
    pub(crate) fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// Returns the tasks of the others: each is looked up by its own UPID.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = &str> {
        let notes = self.others.iter().flat_map(|entry| &entry.notes);
        notes.map(String::as_str).filter(|note| note.split(' ').any(is_upid))
    }

    /// Returns the line that names the others; `None` where there are none.
    pub(crate) fn also(&self) -> Option<String> {
        let names: Vec<String> = self.others.iter().map(|entry| name(entry)).collect();
        let (named, more) = names.split_at(names.len().min(NAMED));
        let named = named.join(", ");
        match more.len() {
            0 if named.is_empty() => None,
            0 => Some(format!("the same for {named}")),
            more => Some(format!("the same for {named} and {more} more")),
        }
    }
}

/// Returns what alike findings have in common; `None` for one that is alone in any case.
fn key(entry: &Entry) -> Option<Vec<String>> {
    if entry.subject.is_none() && !matches!(entry.place, Place::Node { .. }) {
        return None;
    }
    let kind = format!("{:?} {}", entry.severity, entry.code);
    let head = [kind, node(entry).to_owned(), general(&entry.fact, entry)];
    let texts = entry.causes.iter().chain(&entry.notes).chain(&entry.hint);
    Some(head.into_iter().chain(texts.map(|text| general(text, entry))).collect())
}

/// Returns the node that a finding about a VM shares with those like it; the line that names them does
/// not say where each is.
fn node(entry: &Entry) -> &str {
    match (&entry.place, &entry.subject) {
        (Place::Node { vmid: None, .. }, None) => "",
        (Place::Node { node, .. }, _) => node,
        _ => "",
    }
}

fn is_upid(word: &str) -> bool {
    word.starts_with("UPID:")
}

/// Returns a text without its finding's own subject, vmid and task. A number is a vmid only where the
/// text says so: `VM 100` is one, `100 GiB` is not.
fn general(text: &str, entry: &Entry) -> String {
    let vmid = match &entry.place {
        Place::Node { vmid: Some(vmid), .. } => Some(vmid.to_string()),
        _ => None,
    };
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    let mut before = "";
    let word = |word| {
        let is_vmid = ["VM", "vmid", "unlock", "destroy"].contains(&bare(before).as_str());
        before = word;
        match &vmid {
            _ if is_upid(word) => "UPID".to_owned(),
            Some(vmid) if is_vmid && bare(word) == *vmid => word.replace(vmid.as_str(), "…"),
            _ => word.to_owned(),
        }
    };
    let text = text.split(' ').map(word).collect::<Vec<_>>().join(" ");
    match &entry.subject {
        Some(subject) => without(&text, subject),
        None => text,
    }
}

/// Returns a text with a name masked where it stands by itself, as in `"web"` or `seed_web_1.raw`.
fn without(text: &str, name: &str) -> String {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "-.".contains(c));
    let mut out = String::new();
    let mut done = 0;
    for (at, found) in text.match_indices(name) {
        let (before, after) = (&text[..at], &text[at + found.len()..]);
        if !is_part(before.chars().next_back()) && !is_part(after.chars().next()) {
            out.push_str(&text[done..at]);
            out.push('…');
            done = at + found.len();
        }
    }
    out + &text[done..]
}

fn name(entry: &Entry) -> String {
    match (&entry.subject, &entry.place) {
        (Some(subject), Place::Node { vmid: Some(vmid), .. }) => format!("\"{subject}\" ({vmid})"),
        (Some(subject), _) => format!("\"{subject}\""),
        (None, place) => place.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Position, Report};

    fn check(entries: Vec<Entry>, expected: &[(usize, Option<&str>)]) {
        let mut report = Report::new();
        entries.into_iter().for_each(|entry| report.push(entry));
        let found: Vec<_> =
            groups(report.entries()).iter().map(|group| (group.len(), group.also())).collect();
        let expected: Vec<_> =
            expected.iter().map(|(len, also)| (*len, also.map(str::to_owned))).collect();
        assert_eq!(found, expected);
    }

    fn of(name: &str, vmid: u32, cause: &str) -> Entry {
        Entry::error("x", Place::vm("pve1", vmid), format!("creating \"{name}\" failed"))
            .about(name)
            .note(format!("PVE says: unable to create VM {vmid} - {cause}"))
            .note(format!("task UPID:pve1:{vmid}:"))
    }

    #[test]
    fn the_same_error_of_many_vms_is_one_group() {
        let full = "no space left";
        check(
            vec![of("a", 101, full), of("b", 102, "boom"), of("c", 103, full)],
            &[(2, Some("the same for \"c\" (103)")), (1, None)],
        );
        let many = (0..20).map(|n| of(&format!("vm{n}"), 100 + n, full)).collect();
        let named: Vec<_> = (1..9).map(|n| format!("\"vm{n}\" ({})", 100 + n)).collect();
        check(many, &[(20, Some(&format!("the same for {} and 11 more", named.join(", "))))]);
    }

    #[test]
    fn each_task_is_named() {
        let mut report = Report::new();
        report.push(of("a", 101, "boom"));
        report.push(of("b", 102, "boom"));
        let groups = groups(report.entries());
        assert_eq!(groups[0].tasks().collect::<Vec<_>>(), ["task UPID:pve1:102:"]);
    }

    #[test]
    fn a_name_is_masked_where_it_stands_by_itself() {
        assert_eq!(
            without("\"web\": seed_web_1.raw, web2, a-web", "web"),
            "\"…\": seed_…_1.raw, web2, a-web"
        );
    }

    #[test]
    fn what_differs_in_more_than_its_subject_stays_apart() {
        let entry = |fact: &str| Entry::error("x", Place::node("pve1"), fact);
        check(vec![entry("x \"a\""), entry("x \"b\"")], &[(1, None), (1, None)]);
        check(vec![entry("x").hint("a"), entry("x").hint("b")], &[(1, None), (1, None)]);
        check(vec![entry("x"), entry("x").as_warning()], &[(1, None), (1, None)]);
        check(vec![Entry::error("y", Place::node("a"), "x"), entry("x")], &[(1, None), (1, None)]);
        let on = |node: &str, vmid| Entry::error("x", Place::vm(node, vmid), "x").about("a");
        check(vec![on("pve1", 101), on("pve2", 102)], &[(1, None), (1, None)]);
        let size = |vmid: u32| {
            let fact = format!("VM {vmid} has {vmid} GiB");
            Entry::error("x", Place::vm("pve1", vmid), fact).about("a")
        };
        check(vec![size(100), size(200)], &[(1, None), (1, None)]);
        check(
            vec![entry("x"), Entry::error("x", Place::node("b"), "x")],
            &[(2, Some("the same for node b"))],
        );
        let field = |name: &str| Entry::error("x", Place::input(name), "is missing");
        check(vec![field("a"), field("b")], &[(1, None), (1, None)]);
        // Each line of a file must be edited.
        let at = |line| Place::File {
            path: "a.yaml".to_owned(),
            position: Some(Position { line, column: 1 }),
            excerpt: None,
        };
        check(
            vec![Entry::error("x", at(1), "x"), Entry::error("x", at(2), "x")],
            &[(1, None), (1, None)],
        );
    }
}
