//! A case with a file `terminal` (`ROWS COLUMNS`) runs with a terminal as its stderr.
//!
//! Its `stderr` is what a user who scrolls back sees at the end: every line that remains, without what
//! was overwritten. Lines longer than the terminal is wide are wrapped, so make it wide.

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::thread::JoinHandle;

/// How many lines a terminal keeps above its screen; more than any case writes.
const SCROLLBACK: usize = 10_000;

/// A terminal whose content is recorded.
pub(super) struct Terminal {
    watcher: JoinHandle<vt100::Parser>,
}

impl Terminal {
    /// Opens the terminal that a case asks for, with the end for its stderr; `None` if it asks for none.
    pub(super) fn open(folder: &Path) -> Result<Option<(Self, OwnedFd)>, Box<dyn Error>> {
        let path = folder.join("terminal");
        if !path.exists() {
            return Ok(None);
        }
        let size = std::fs::read_to_string(path)?;
        let (rows, columns) = size.trim().split_once(' ').ok_or("`terminal` holds ROWS COLUMNS")?;
        let (rows, columns): (u16, u16) = (rows.parse()?, columns.parse()?);
        let watched = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&watched)?;
        unlockpt(&watched)?;
        let name = ptsname(&watched, Vec::new())?;
        let written = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&written, size)?;
        let parser = vt100::Parser::new(rows, columns, SCROLLBACK);
        let watcher = std::thread::spawn(move || watch(File::from(watched), parser));
        Ok(Some((Self { watcher }, written)))
    }

    /// Returns the content of the terminal once every process using it has ended.
    pub(super) fn read(self) -> Result<String, Box<dyn Error>> {
        let mut parser = self.watcher.join().map_err(|_| "the terminal was not read")?;
        let screen = parser.screen_mut();
        let (_, columns) = screen.size();
        screen.set_scrollback(SCROLLBACK);
        let above = screen.scrollback();
        let mut lines = Vec::new();
        for back in (1..=above).rev() {
            screen.set_scrollback(back);
            lines.extend(screen.rows(0, columns).next());
        }
        screen.set_scrollback(0);
        lines.extend(screen.rows(0, columns));
        let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
        let text = lines.join("\n");
        let text = text.trim_end_matches('\n');
        Ok(if text.is_empty() { String::new() } else { format!("{text}\n") })
    }
}

/// Reads until the last writer has closed it: Linux then returns EIO, other systems end of file.
fn watch(mut watched: File, mut parser: vt100::Parser) -> vt100::Parser {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = watched.read(&mut buffer) {
        parser.process(&buffer[..read]);
    }
    parser
}
