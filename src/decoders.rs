//! Which photos are decoded at once: as many as there are decoders, those that need much memory one after the other, so that
//! ordinary photos pass beside a flood of them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use clearshot_core::ingest::DecodeMemory;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Decoders, and the memory that they share.
pub struct Decoders {
    /// Leased by each decode for as long as its pixels live.
    pub memory: Arc<DecodeMemory>,
    all: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
    /// Bytes from which on a photo is heavy.
    heavy_from: u64,
}

/// A decoder, until it is dropped.
pub struct Place {
    _decoder: OwnedSemaphorePermit,
    _heavy: Option<OwnedSemaphorePermit>,
}

impl Decoders {
    /// So many decoders with this memory.
    #[must_use]
    pub fn new(count: NonZeroUsize, memory: Arc<DecodeMemory>) -> Self {
        let count = count.get();
        Self {
            all: Arc::new(Semaphore::new(count)),
            heavy: Arc::new(Semaphore::new((count / 2).max(1))),
            // If all decoders had one of these, and as much again were waiting to be dropped, memory would be short.
            heavy_from: memory.whole() / (2 * count as u64),
            memory,
        }
    }

    /// Waits for a decoder for a photo that takes `peak` bytes. A heavy one takes its turn among its like before it waits for a
    /// decoder: an ordinary photo waits for one of them at most.
    pub async fn place(&self, peak: u64) -> Place {
        let permit = async |semaphore: &Arc<Semaphore>| {
            Arc::clone(semaphore).acquire_owned().await.expect("nobody closes the semaphore")
        };
        let heavy = if peak > self.heavy_from { Some(permit(&self.heavy).await) } else { None };
        Place { _decoder: permit(&self.all).await, _heavy: heavy }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn ordinary_photos_pass_heavy_ones_that_wait_for_each_other() {
        let decoders = Decoders::new(NonZeroUsize::new(2).expect("two"), DecodeMemory::new(400));
        let heavy = decoders.place(101).await;
        assert!(decoders.place(101).now_or_never().is_none(), "a second heavy one waits");
        let ordinary = decoders.place(100).now_or_never();
        assert!(ordinary.is_some(), "an ordinary one does not");
        assert!(decoders.place(1).now_or_never().is_none(), "all decoders are taken");
        drop(heavy);
        assert!(decoders.place(101).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_single_decoder_serves_both() {
        let decoders = Decoders::new(NonZeroUsize::MIN, DecodeMemory::new(400));
        let heavy = decoders.place(400).await;
        assert!(decoders.place(1).now_or_never().is_none());
        drop(heavy);
        assert!(decoders.place(1).now_or_never().is_some());
    }
}
