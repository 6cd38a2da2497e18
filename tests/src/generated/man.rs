//! Man pages: clap's sections, and those of the tool's manual. Does no I/O.

use crate::command_line::Manual;
use clap::Command;
use std::error::Error;

type Pages = Vec<(String, Vec<u8>)>;

/// Returns the page of a command and those of its subcommands, by name. A built subcommand knows its
/// whole name, such as `pve-apply-plan`.
pub(super) fn pages(
    command: &Command,
    name: &str,
    manual: &Manual,
) -> Result<Pages, Box<dyn Error>> {
    let all: Vec<String> = std::iter::once(name.to_owned())
        .chain(command.get_subcommands().map(|sub| format!("{name}-{}", sub.get_name())))
        .collect();
    let mut pages = vec![(name.to_owned(), page(command, &all[0], None, &all, manual)?)];
    for sub in command.get_subcommands() {
        let page_name = format!("{name}-{}", sub.get_name());
        let text = page(sub, &page_name, Some(sub.get_name()), &all, manual)?;
        pages.push((page_name, text));
    }
    Ok(pages)
}

fn page(
    command: &Command,
    name: &str,
    sub: Option<&str>,
    all: &[String],
    manual: &Manual,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).date("").render(&mut text)?;
    let examples = manual.examples.iter().filter(|(_, line)| manual.shows(line, sub));
    let examples: String = examples
        .map(|(about, line)| {
            format!(".PP\n{}:\n.PP\n.RS 4\n.nf\n{}\n.fi\n.RE\n", plain(about), plain(line))
        })
        .collect();
    let environment = manual.environment.iter().filter(|(name, _)| manual.reads(command, name));
    for (title, body) in [
        ("EXAMPLES", examples),
        ("ENVIRONMENT", terms(environment)),
        ("FILES", terms(manual.files.iter())),
        (
            "EXIT STATUS",
            terms(manual.exit_status.iter().filter(|(code, _)| manual.ends(sub, code))),
        ),
        ("SEE ALSO", see_also(name, all)),
    ] {
        if !body.is_empty() {
            text.extend_from_slice(format!(".SH \"{title}\"\n{body}").as_bytes());
        }
    }
    Ok(text)
}

fn terms<'a>(rows: impl Iterator<Item = &'a (&'a str, &'a str)>) -> String {
    rows.map(|(term, text)| format!(".TP\n\\fB{}\\fR\n{}.\n", plain(term), plain(text))).collect()
}

fn see_also(name: &str, all: &[String]) -> String {
    let tools = ["resolve", "mint-token", "cloudinit-render", "image-publish", "pve-apply"];
    let others = tools.iter().filter(|tool| !all.iter().any(|page| page == *tool));
    let own = all.iter().filter(|page| *page != name).map(String::as_str);
    let pages: Vec<String> =
        own.chain(others.copied()).map(|page| format!("\\fB{}\\fR(1)", plain(page))).collect();
    format!("{}\n.PP\nThe document, field by field: docs/pipeline.md.\n", pages.join(",\n"))
}

/// Escapes what roff would read as its own.
fn plain(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    text.replace('~', "\\(ti").replace('`', "\\(ga")
}
