//! Holds the requests of one client, so that another one gets between any two of them.
//! A client is known by the host that it calls: loopback has several names.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The clients that are held.
#[derive(Debug, Default)]
pub(super) struct Holds {
    all: Mutex<Vec<Hold>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Hold {
    host: String,
    /// How many more requests pass; `None` for all reads.
    passes: Option<usize>,
    /// Whether a request waits.
    is_reached: bool,
}

impl Holds {
    fn all(&self) -> MutexGuard<'_, Vec<Hold>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds what comes after this many requests; with `None`, from the first write on.
    pub(super) fn add(&self, host: &str, passes: Option<usize>) {
        self.all().push(Hold { host: host.to_owned(), passes, is_reached: false });
    }

    pub(super) fn remove(&self, host: &str) {
        self.all().retain(|hold| hold.host != host);
        self.changed.notify_all();
    }

    pub(super) fn remove_all(&self) {
        self.all().clear();
        self.changed.notify_all();
    }

    pub(super) fn is_reached(&self, host: &str) -> bool {
        self.all().iter().any(|hold| hold.host == host && hold.is_reached)
    }

    /// Waits until a request may go on.
    pub(super) fn pass(&self, host: &str, is_write: bool) {
        let mut all = self.all();
        let Some(hold) = all.iter_mut().find(|hold| hold.host == host) else {
            return;
        };
        match &mut hold.passes {
            Some(0) => {}
            Some(passes) => {
                *passes -= 1;
                return;
            }
            None if is_write || hold.is_reached => {}
            None => return,
        }
        hold.is_reached = true;
        while all.iter().any(|hold| hold.host == host) {
            all = self.changed.wait(all).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets these requests pass, and the next one only once the hold has ended.
    fn check(passes: Option<usize>, before: &[bool], next: bool) {
        let holds = Holds::default();
        holds.add("a", passes);
        before.iter().for_each(|is_write| holds.pass("a", *is_write));
        assert!(!holds.is_reached("a"));
        std::thread::scope(|scope| {
            let held = scope.spawn(|| holds.pass("a", next));
            while !holds.is_reached("a") {
                std::thread::yield_now();
            }
            holds.pass("b", true);
            assert!(!held.is_finished());
            holds.remove("a");
            held.join().unwrap();
        });
        holds.pass("a", true);
    }

    #[test]
    fn a_client_is_held_after_some_requests() {
        check(Some(0), &[], false);
        check(Some(2), &[true, false], false);
    }

    #[test]
    fn a_client_is_held_from_its_first_write_on() {
        check(None, &[false, false], true);
    }
}
