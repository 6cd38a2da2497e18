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
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_threads_than_slots_at_once() {
        let slots = Slots::new(2);
        // Two at once; whether the threads below meet is up to the scheduler.
        drop((slots.take(|| panic!("waits")), slots.take(|| panic!("waits"))));
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
        assert!(most.into_inner() <= 2);
        assert_eq!(*slots.free.lock().unwrap(), 2);
    }
}
