//! `Manual`: what a tool's `--help` and man pages say besides its options. Does no I/O.

/// One table for each tool; `--help` and the man pages are made of it.
#[derive(Clone, Copy, Debug)]
pub struct Manual {
    /// What it does, and the command line for it.
    pub examples: &'static [(&'static str, &'static str)],
    /// Variables of the environment and what they set.
    pub environment: &'static [(&'static str, &'static str)],
    /// Files that are read or written without being named on the command line.
    pub files: &'static [(&'static str, &'static str)],
    /// Exit codes and what they mean.
    pub exit_status: &'static [(&'static str, &'static str)],
}

/// Variables that every tool reads.
pub const LOG_VARIABLE: (&str, &str) =
    ("PVE_PIPELINE_LOG", "Format (text, json) and level (verbose, debug) of messages");
/// As <https://no-color.org> has it.
pub const COLOR_VARIABLE: (&str, &str) = ("NO_COLOR", "Print no colors if this is set");

impl Manual {
    /// Returns the tables for the end of `--help`.
    pub fn help(&self) -> String {
        let examples =
            self.examples.iter().map(|(about, line)| format!("  {about}:\n    {line}\n"));
        let mut out = format!("Examples:\n{}", examples.collect::<String>());
        for (title, rows) in [
            ("Environment", self.environment),
            ("Files", self.files),
            ("Exit status", self.exit_status),
        ] {
            if !rows.is_empty() {
                out.push_str(&format!("\n{title}:\n{}", table(rows)));
            }
        }
        out.truncate(out.trim_end().len());
        out
    }
}

fn table(rows: &[(&str, &str)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    // Long names get a line of their own, so that the texts keep some room.
    if width > 24 {
        return rows.iter().map(|(name, text)| format!("  {name}\n      {text}\n")).collect();
    }
    rows.iter().map(|(name, text)| format!("  {name:width$}  {text}\n")).collect()
}
