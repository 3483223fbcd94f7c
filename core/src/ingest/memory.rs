//! Memory that decoding may take in all. A file of a few hundred kilobytes may need hundreds of megabytes to decode: as many
//! decodes at once as there are cores are safe only if what they need together is there.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Bytes that decodes share. They are leased in the order in which they were asked for, so that small photos cannot keep a
/// large one waiting for good.
#[derive(Debug)]
pub struct DecodeMemory {
    whole: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: u64,
    /// Who waits, the longest first.
    waiting: VecDeque<u64>,
    next: u64,
}

/// A part of the memory, given back when it is dropped.
#[derive(Debug)]
pub struct Lease {
    memory: Arc<DecodeMemory>,
    bytes: u64,
}

/// The memory did not become free in time.
#[derive(Debug, PartialEq, Eq)]
pub struct OutOfTime;

impl DecodeMemory {
    /// This many bytes for all decodes.
    #[must_use]
    pub fn new(bytes: u64) -> Arc<Self> {
        let state = Mutex::new(State { free: bytes, waiting: VecDeque::new(), next: 0 });
        Arc::new(Self { whole: bytes, state, changed: Condvar::new() })
    }

    /// All there is, leased or not.
    #[must_use]
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// What nobody has leased.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.lock().free
    }

    /// Leases memory; blocks until it is free, at most until `until`. More than there is counts as all there is.
    ///
    /// # Errors
    /// [`OutOfTime`].
    pub fn lease(self: &Arc<Self>, bytes: u64, until: Option<Instant>) -> Result<Lease, OutOfTime> {
        let bytes = bytes.min(self.whole);
        let mut state = self.lock();
        let ticket = state.next;
        state.next += 1;
        state.waiting.push_back(ticket);
        while state.waiting.front() != Some(&ticket) || state.free < bytes {
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => {
                    state.waiting.retain(|other| *other != ticket);
                    self.changed.notify_all();
                    return Err(OutOfTime);
                }
                Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        state.waiting.pop_front();
        state.free -= bytes;
        // The next may find room, too.
        self.changed.notify_all();
        Ok(Lease { memory: Arc::clone(self), bytes })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.memory.lock().free += self.bytes;
        self.memory.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn never_more_is_leased_than_there_is() {
        let memory = DecodeMemory::new(100);
        let (leased, most) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for worker in 0..8u64 {
                let (memory, leased, most) = (&memory, &leased, &most);
                scope.spawn(move || {
                    for round in 0..50 {
                        let bytes = 1 + (worker * 31 + round * 17) % 100;
                        let lease = memory.lease(bytes, None).expect("nobody waits for ever");
                        most.fetch_max(leased.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
                        thread::yield_now();
                        leased.fetch_sub(bytes, Ordering::SeqCst);
                        drop(lease);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 100);
        assert_eq!(memory.free(), 100, "all came back");
    }

    #[test]
    fn who_waits_longest_is_served_first_even_if_a_small_one_would_fit() {
        let memory = DecodeMemory::new(100);
        let held = memory.lease(60, None).expect("it is free");
        let served = Mutex::new(Vec::new());
        let wait_for = |bytes: u64| {
            let lease = memory.lease(bytes, None).expect("nobody waits for ever");
            served.lock().expect("nobody panicked").push(bytes);
            drop(lease);
        };
        thread::scope(|scope| {
            // The two do not fit beside each other; the small one would fit beside what is held.
            let large = scope.spawn(|| wait_for(80));
            while memory.lock().waiting.is_empty() {
                thread::yield_now();
            }
            let small = scope.spawn(|| wait_for(30));
            while memory.lock().waiting.len() < 2 {
                thread::yield_now();
            }
            drop(held);
            large.join().expect("it ends");
            small.join().expect("it ends");
            assert_eq!(*served.lock().expect("nobody panicked"), [80, 30]);
        });
    }

    #[test]
    fn waiting_ends_with_the_time() {
        let memory = DecodeMemory::new(100);
        let held = memory.lease(1_000, None).expect("more than there is counts as all");
        assert_eq!(memory.free(), 0);
        let soon = Instant::now() + Duration::from_millis(20);
        assert_eq!(memory.lease(1, Some(soon)).err(), Some(OutOfTime));
        drop(held);
        assert!(memory.lease(100, Some(soon)).is_ok(), "who gave up stands in nobody's way");
    }
}
