//! A page of Markdown: its commands, and what it says that they print.

use regex::Regex;
use std::path::{Path, PathBuf};

/// Where a block of commands runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the user's shell.
    Here,
    /// As root on the PVE node.
    Node,
    /// Nowhere in a test.
    Nowhere,
}

/// Commands, and what belongs to them.
#[derive(Debug)]
pub(crate) struct Block {
    /// Its first line in the page, from 1.
    pub(crate) line: usize,
    /// Where it runs.
    pub(crate) place: Place,
    /// The commands.
    pub(crate) commands: String,
    /// What the user changes in the editor.
    pub(crate) edit: Option<String>,
    /// The lines of the page that show what is printed, from 0.
    shown: Option<std::ops::Range<usize>>,
}

/// A page.
pub(crate) struct Page {
    path: PathBuf,
    lines: Vec<String>,
    /// The blocks in their order.
    pub(crate) blocks: Vec<Block>,
    /// What the user has done before, on another page.
    pub(crate) before: Vec<Block>,
}

impl Page {
    /// Reads a page of the project. Panics at a fence that it does not know.
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut blocks: Vec<Block> = Vec::new();
        let mut at = 0;
        while at < lines.len() {
            let Some(info) = lines[at].strip_prefix("```") else {
                assert!(!lines[at].starts_with("    "), "{name}:{}: use a fence", at + 1);
                at += 1;
                continue;
            };
            let start = at + 1;
            let end = start + lines[start..].iter().position(|line| line == "```").unwrap();
            fence(&mut blocks, info, start..end, &lines)
                .unwrap_or_else(|error| panic!("{name}:{start}: {error}"));
            at = end + 1;
        }
        assert!(!blocks.is_empty(), "{name}: no commands");
        let before = lines.iter().find_map(|line| before(line)).unwrap_or_default();
        Self { path, lines, blocks, before }
    }

    /// Returns how many blocks run nowhere.
    pub(crate) fn unrun(&self) -> usize {
        self.blocks.iter().filter(|block| block.place == Place::Nowhere).count()
    }

    /// Panics when a block has printed something else than the page shows.
    pub(crate) fn compare(&self, printed: &[String]) {
        let mut faults = Vec::new();
        for (block, printed) in self.blocks.iter().zip(printed) {
            let Some(range) = block.shown.clone() else { continue };
            let shown = self.lines[range].join("\n") + "\n";
            let (shown, printed) = (masked(&shown), masked(printed));
            if shown.trim_end() != printed.trim_end() {
                let diff = similar::TextDiff::from_lines(&shown, &printed);
                let diff = diff.unified_diff().header("shown", "printed").to_string();
                faults.push(format!("{}:{}:\n{diff}", self.path.display(), block.line));
            }
        }
        let hint = "UPDATE=1 rewrites the page; read the diff before you commit it";
        assert!(faults.is_empty(), "{}\n{hint}", faults.join("\n"));
    }

    /// Rewrites what the page shows.
    pub(crate) fn update(mut self, printed: &[String]) {
        for (block, printed) in self.blocks.iter().zip(printed).rev() {
            let Some(range) = block.shown.clone() else { continue };
            let shown = &self.lines[range.clone()];
            let keep = |(index, line): (usize, &str)| match shown.get(index) {
                Some(old) if masked(old) == masked(line) => old.clone(),
                _ => line.to_owned(),
            };
            let lines: Vec<String> = printed.trim_end().lines().enumerate().map(keep).collect();
            self.lines.splice(range, lines);
        }
        std::fs::write(&self.path, self.lines.join("\n") + "\n").unwrap();
    }
}

/// Reads `<!-- session: PAGE until "HEADING" -->`: the session begins with the blocks of that page
/// above the heading.
fn before(line: &str) -> Option<Vec<Block>> {
    let text = line.strip_prefix("<!-- session: ")?.strip_suffix("\" -->")?;
    let (page, heading) = text.split_once(" until \"")?;
    let page = Page::read(page);
    let end = page.lines.iter().position(|line| line == heading).expect("no such heading");
    Some(page.blocks.into_iter().filter(|block| block.line <= end).collect())
}

fn fence(
    blocks: &mut Vec<Block>,
    info: &str,
    range: std::ops::Range<usize>,
    lines: &[String],
) -> Result<(), String> {
    let text = lines[range.clone()].join("\n") + "\n";
    let place = match info {
        "sh" => Place::Here,
        "sh on-the-node" => Place::Node,
        "sh in-the-guest" | "sh install" => Place::Nowhere,
        "console" => {
            let block = blocks.last_mut().ok_or("nothing was run before")?;
            return match block.shown.replace(range) {
                None => Ok(()),
                Some(_) => Err("a second output of one block".to_owned()),
            };
        }
        "yaml" => {
            let block = blocks.last_mut().filter(|block| block.commands.contains("$EDITOR"));
            block.ok_or("no `$EDITOR` before")?.edit = Some(text);
            return Ok(());
        }
        other => return Err(format!("unknown fence `{other}`")),
    };
    let line = range.start;
    blocks.push(Block { line, place, commands: text, edit: None, shown: None });
    Ok(())
}

/// A text without what each run has of its own.
fn masked(text: &str) -> String {
    const OWN: [(&str, &str); 13] = [
        (r" in (\d+ min )?\d+ s\b", " in TIME"),
        (r"\b(vmid |vm-|base-|VM |template |clone of )\d{5}\b", "${1}VMID"),
        (r"^\d{5}( +debian-12 +)[0-9a-f]{12}\b", "VMID${1}SUM"),
        (r#""vmid":\d{5}\b"#, r#""vmid":VMID"#),
        (r"\bsite-[0-9a-f]{6}\b", "site-NAME"),
        (r"\b(debian-12)-[0-9a-f]{12}\b", "$1-SUM"),
        (r"\b[0-9.]+ (B|KiB|MiB|GiB)(/s)?([,)]| to |$)", "SIZE$3"),
        (r"UPID:pve1:[0-9A-F:]{26}", "UPID:pve1:NUMBERS"),
        (r"\brun=[0-9a-f]{16}\b", "run=NONCE"),
        (r"\bweb1-[0-9a-f]{16}\b", "web1-INSTANCE"),
        (r"\bbc:24:11(:[0-9a-f]{2}){3}\b", "MAC"),
        (r"\b20\d\d-\d\d-\d\d\b", "DATE"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    ];
    OWN.iter().fold(text.to_owned(), |text, (own, by)| {
        Regex::new(&format!("(?m){own}")).unwrap().replace_all(&text, *by).into_owned()
    })
}
