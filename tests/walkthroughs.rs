//! Runs every command of the pages that a new user reads, against the simulator, and compares what
//! is printed with what the page shows.
//!
//! In a page, a fence is one of these; each page is one session in one scratch directory:
//!
//! * `sh`: commands, which must end well;
//! * `sh on-the-node`: the same, as root on the PVE node: `pveum` acts on the simulator;
//! * `sh in-the-guest`, `sh install`: not run, because they need a guest that boots or an install;
//! * `console`: what the commands before it print; without one, what they print is not compared;
//! * `yaml` after commands with `$EDITOR`: the lines that the user changes there.
//!
//! A page may begin where another one is half-way: `<!-- session: PAGE until "HEADING" -->`.
//! `UPDATE=1` rewrites the `console` fences; a line that differs only in what every run has of its
//! own, such as times and sizes, stays as the page has it.
//! The page's node and Debian's web server are stood for by the simulator and by `mirror.rs`.

#[path = "walkthroughs/mirror.rs"]
mod mirror;
#[path = "walkthroughs/page.rs"]
mod page;
#[path = "walkthroughs/pveum.rs"]
mod pveum;
#[path = "walkthroughs/session.rs"]
mod session;

use page::Page;
use session::Session;

/// Runs a page; `unrun` is how many of its blocks cannot run here.
fn walk(path: &str, unrun: usize) {
    let page = Page::read(path);
    assert_eq!(page.unrun(), unrun, "{path}: the number of blocks that are not run; keep it low");
    let mut session = Session::start(path);
    for block in &page.before {
        session.run(block);
    }
    let shown: Vec<String> = page.blocks.iter().map(|block| session.run(block)).collect();
    session.end();
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        return page.update(&shown);
    }
    page.compare(&shown);
}

#[test]
fn readme() {
    walk("README.md", 1);
}

#[test]
fn first_vm() {
    walk("docs/first-vm.md", 2);
}

#[test]
fn from_opentofu() {
    walk("docs/from-opentofu.md", 0);
}

#[test]
fn networks() {
    walk("docs/networks.md", 0);
}

#[test]
fn recipes() {
    walk("docs/recipes.md", 0);
}

#[test]
fn clones() {
    walk("docs/clones.md", 0);
}

/// A token that has exactly what `pve-apply privileges --document` prints makes templates, clones, lists and
/// prunes.
#[test]
fn exact_privileges() {
    walk("tests/walkthroughs/exact-privileges.md", 0);
}
