//! The live block: what a terminal shows while a stage works.
//!
//! One line for each subject that is being worked on, and a last line that counts. What somebody may
//! want to read later (completions, failures, warnings, retries) is printed above the block and stays.
//! DOOR: draws on the terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use stage::{Event, Live, printable};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The most subjects shown at a time: a block that is higher than the terminal cannot be redrawn, and the
/// smallest usual terminal has 24 lines.
const MOST: usize = 12;
/// How often the elapsed time is redrawn.
const TICK: Duration = Duration::from_millis(500);

/// Returns the live block of stderr; `None` for a terminal that cannot move its cursor (`TERM=dumb`).
pub fn open() -> Option<Arc<dyn Live>> {
    LiveBlock::new(MultiProgress::new()).map(|live| Arc::new(live) as Arc<dyn Live>)
}

/// The live block of one stage.
struct LiveBlock {
    terminal: MultiProgress,
    block: Mutex<Block>,
}

#[derive(Default)]
struct Block {
    lines: BTreeMap<String, ProgressBar>,
    count: Option<Count>,
}

/// The last line.
struct Count {
    bar: ProgressBar,
    total: usize,
    done: usize,
    failed: usize,
}

/// What an event does to the block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It changes its subject's line.
    Moves,
    /// It is the last word on its subject.
    Ends,
    /// It is worth reading later.
    Stays,
}

impl Effect {
    fn of(event: &str) -> Self {
        match event {
            "step" | "progress" | "task" | "wait" => Self::Moves,
            "done" | "failed" => Self::Ends,
            _ => Self::Stays,
        }
    }
}

impl LiveBlock {
    fn new(terminal: MultiProgress) -> Option<Self> {
        (!terminal.is_hidden()).then(|| Self { terminal, block: Mutex::default() })
    }
}

impl Live for LiveBlock {
    fn expect(&self, total: usize) {
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        block.clear(&self.terminal);
        if total == 0 {
            return;
        }
        let bar = self.terminal.add(ProgressBar::new_spinner());
        bar.set_style(style("{msg}, {elapsed}"));
        let count = Count { bar, total, done: 0, failed: 0 };
        count.draw();
        count.bar.enable_steady_tick(TICK);
        block.count = Some(count);
    }

    fn event(&self, event: &Event<'_>, line: &str) {
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        match Effect::of(event.event) {
            Effect::Moves => return block.move_line(&self.terminal, event),
            Effect::Ends => block.end(&self.terminal, event),
            Effect::Stays => {}
        }
        // A closed stderr does not stop the run.
        let _ = self.terminal.println(line.trim_end());
    }

    fn clear(&self) {
        self.block.lock().unwrap_or_else(PoisonError::into_inner).clear(&self.terminal);
    }
}

impl Block {
    fn move_line(&mut self, terminal: &MultiProgress, event: &Event<'_>) {
        if !self.lines.contains_key(event.subject) {
            // A line becomes free when another subject is done.
            if self.lines.len() == MOST {
                return;
            }
            let bar = ProgressBar::new_spinner();
            let bar = match &self.count {
                Some(count) => terminal.insert_before(&count.bar, bar),
                None => terminal.add(bar),
            };
            bar.set_style(style("{prefix:16} {wide_msg}"));
            bar.set_prefix(printable(event.subject));
            self.lines.insert(event.subject.to_owned(), bar);
        }
        if let Some(bar) = self.lines.get(event.subject) {
            let percent = event.percent.map(|percent| format!(" {percent}%")).unwrap_or_default();
            bar.set_message(format!("{}{percent}", printable(event.text)));
            bar.tick();
        }
    }

    fn end(&mut self, terminal: &MultiProgress, event: &Event<'_>) {
        if let Some(bar) = self.lines.remove(event.subject) {
            remove(terminal, &bar);
        }
        if let Some(count) = &mut self.count {
            if event.event == "failed" {
                count.failed += 1
            } else {
                count.done += 1
            }
            count.draw();
        }
    }

    fn clear(&mut self, terminal: &MultiProgress) {
        for bar in std::mem::take(&mut self.lines).values() {
            remove(terminal, bar);
        }
        if let Some(count) = self.count.take() {
            remove(terminal, &count.bar);
        }
    }
}

impl Count {
    fn draw(&self) {
        let failed = match self.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        self.bar.set_message(format!("{} of {} done{failed}", self.done, self.total));
        self.bar.tick();
    }
}

fn remove(terminal: &MultiProgress, bar: &ProgressBar) {
    bar.finish_and_clear();
    terminal.remove(bar);
}

/// Returns a style; the templates are ours, and a wrong one would only lose the layout.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{InMemoryTerm, ProgressDrawTarget};

    /// A terminal of this height, and its live block.
    fn terminal(height: u16) -> (InMemoryTerm, LiveBlock) {
        let screen = InMemoryTerm::new(height, 60);
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        (screen, LiveBlock::new(MultiProgress::with_draw_target(target)).unwrap())
    }

    fn tell(live: &LiveBlock, kind: &'static str, subject: &str, text: &str) {
        live.event(&Event::new(kind, subject, text), &format!("t: {subject}: {text}\n"));
    }

    /// What the terminal shows, without the elapsed time. A line that stays is always drawn at once, the
    /// block with it; other changes may wait for the next tick.
    fn shown(screen: &InMemoryTerm, live: &LiveBlock) -> String {
        tell(live, "warning", "w", "draw");
        let all = screen.contents().replace("t: w: draw\n", "");
        // `…, 3s` at the end of the last line.
        all.rsplit_once(", ").map_or(all.clone(), |(before, _)| before.to_owned())
    }

    #[test]
    fn what_matters_later_stays_above_the_live_lines() {
        let (screen, live) = terminal(24);
        live.expect(3);
        tell(&live, "step", "a", "creating");
        tell(&live, "step", "b", "creating");
        tell(&live, "warning", "a", "task ended with warnings");
        tell(&live, "step", "a", "starting");
        assert_eq!(
            shown(&screen, &live),
            "t: a: task ended with warnings\n\
             a                starting\nb                creating\n0 of 3 done"
        );
        tell(&live, "done", "a", "started");
        tell(&live, "failed", "b", "failed");
        tell(&live, "step", "c", "creating");
        assert_eq!(
            shown(&screen, &live),
            "t: a: task ended with warnings\nt: a: started\nt: b: failed\n\
             c                creating\n1 of 3 done, 1 failed"
        );
        live.clear();
        let left = "t: a: task ended with warnings\nt: a: started\nt: b: failed";
        assert_eq!(screen.contents().replace("\nt: w: draw", ""), left);
    }

    #[test]
    fn without_a_subject_nothing_is_counted() {
        let (screen, live) = terminal(24);
        live.expect(0);
        tell(&live, "wait", "dev", "waiting for another run");
        assert_eq!(shown(&screen, &live), "dev              waiting for another run");
    }

    #[test]
    fn of_many_subjects_each_is_seen() {
        let (screen, live) = terminal(24);
        live.expect(40);
        let names: Vec<String> = (10..50).map(|number| format!("vm{number}")).collect();
        names.iter().for_each(|name| tell(&live, "step", name, "creating"));
        assert_eq!(shown(&screen, &live).lines().count(), MOST + 1);
        for name in &names {
            tell(&live, "step", name, "starting");
            let line = format!("{name}             starting");
            assert!(shown(&screen, &live).contains(&line), "{name}");
            tell(&live, "done", name, "started");
        }
        assert_eq!(shown(&screen, &live).lines().last(), Some("40 of 40 done"));
    }
}
