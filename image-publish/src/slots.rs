//! A number of slots, each of which is used by one thread at a time. Does no I/O.

use std::sync::{Condvar, Mutex, PoisonError};

/// The slots.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Mutex<usize>,
    returned: Condvar,
}

/// A slot in use; it is returned when dropped.
#[must_use]
pub(crate) struct Slot<'a>(&'a Slots);

impl Slots {
    /// Creates a number of slots.
    pub(crate) fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), returned: Condvar::new() }
    }

    /// Takes a slot. If none is free, calls `waits` once, and then waits.
    pub(crate) fn take(&self, waits: impl FnOnce()) -> Slot<'_> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if *free == 0 {
            waits();
        }
        while *free == 0 {
            free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Slot(self)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[test]
    fn one_more_than_there_are_slots_waits_until_one_is_returned() {
        let slots = Slots::new(2);
        let (waits, waiting) = mpsc::channel();
        let is_returned = AtomicBool::new(false);
        let first = slots.take(|| panic!("the first waits"));
        let second = slots.take(|| panic!("the second waits"));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _slot = slots.take(|| waits.send(()).unwrap());
                assert!(is_returned.load(Ordering::SeqCst), "three at once");
            });
            waiting.recv().unwrap();
            is_returned.store(true, Ordering::SeqCst);
            drop(first);
        });
        assert!(waiting.try_recv().is_err(), "it says so once");
        drop(second);
        assert_eq!(*slots.free.lock().unwrap(), 2);
    }

    #[test]
    fn every_slot_comes_back_and_wakes_one_that_waits() {
        let slots = Slots::new(2);
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _slot = slots.take(|| {});
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        // Whether two of them ever meet is up to the scheduler.
        assert!((1..=2).contains(&most.into_inner()));
        assert_eq!(*slots.free.lock().unwrap(), 2);
    }
}
