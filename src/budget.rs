//! Memory that clients can make the service hold, counted in bytes over all of them: what is beyond is waited for or refused.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// Bytes are counted in blocks of this size, for which a semaphore has numbers enough.
const BLOCK: usize = 1 << 10;

/// Bytes that may be held at once.
#[derive(Clone, Debug)]
pub struct Budget {
    free: Arc<Semaphore>,
    blocks: u32,
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Reserved {
    permit: OwnedSemaphorePermit,
    of: Budget,
}

impl Budget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let blocks = u32::try_from(bytes.div_ceil(BLOCK)).unwrap_or(u32::MAX).max(1);
        Self { free: Arc::new(Semaphore::new(blocks as usize)), blocks }
    }

    /// What `bytes` take. Something larger than the whole budget takes it all: it is held alone.
    fn blocks(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(BLOCK)).unwrap_or(u32::MAX).min(self.blocks)
    }

    /// Nothing yet.
    pub(crate) fn none(&self) -> Reserved {
        let permit = self.free.clone().try_acquire_many_owned(0).expect("nothing is always free");
        Reserved { permit, of: self.clone() }
    }

    /// Waits until there is room for `bytes`; first come, first served.
    pub(crate) async fn reserve(&self, bytes: usize) -> Result<Reserved, ApiError> {
        // Nobody closes the semaphore.
        let permit = self.free.clone().acquire_many_owned(self.blocks(bytes)).await.map_err(|_| ApiError::Internal)?;
        Ok(Reserved { permit, of: self.clone() })
    }
}

impl Reserved {
    /// Makes this large enough for `bytes`, without waiting: who holds a part and waits for the rest could wait for another that does
    /// the same.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        let more = (self.of.blocks(bytes) as usize).saturating_sub(self.permit.num_permits());
        if let Ok(more @ 1..) = u32::try_from(more) {
            let permit = self.of.free.clone().try_acquire_many_owned(more).map_err(|_| ApiError::Overloaded)?;
            self.permit.merge(permit);
        }
        Ok(())
    }

    /// The part of this that `bytes` take, or all of it where it is less.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let wanted = (self.of.blocks(bytes) as usize).min(self.permit.num_permits());
        let permit = self.permit.split(wanted).expect("no more is asked for than is there");
        Self { permit, of: self.of.clone() }
    }

    /// Gives back what `bytes` do not need.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let spare = self.permit.num_permits().saturating_sub(self.of.blocks(bytes) as usize);
        drop(self.permit.split(spare));
    }

    /// The bytes, which keep this until the last that refers to them is dropped.
    pub(crate) fn hold(self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Held { bytes, keeps: self })
    }
}

/// Bytes that keep something until they are dropped, wherever they are by then: a queue of the HTTP library, say.
pub(crate) struct Held<B, K> {
    pub(crate) bytes: B,
    #[expect(dead_code, reason = "what it keeps is given back when it is dropped")]
    pub(crate) keeps: K,
}

impl<B: AsRef<[u8]>, K> AsRef<[u8]> for Held<B, K> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_given_back_when_the_last_byte_is_dropped() {
        let budget = Budget::new(10 * BLOCK);
        let mut first = budget.none();
        first.grow(6 * BLOCK - 1).expect("there is room");
        let mut second = budget.none();
        assert!(matches!(second.grow(5 * BLOCK), Err(ApiError::Overloaded)));
        second.grow(4 * BLOCK).expect("there is room");
        second.grow(3 * BLOCK).expect("it has that already");
        first.shrink(2 * BLOCK);
        second.grow(8 * BLOCK).expect("there is room again");
        assert!(second.grow(8 * BLOCK + 1).is_err());
        let bytes = second.hold(vec![7; 20]);
        let slice = bytes.slice(3..5);
        drop(bytes);
        assert!(first.grow(3 * BLOCK).is_err(), "the slice keeps all of it");
        assert_eq!(slice, [7, 7][..]);
        drop(slice);
        first.grow(10 * BLOCK).expect("all is free");
    }

    #[test]
    fn what_is_larger_than_the_budget_is_held_alone() {
        let budget = Budget::new(BLOCK);
        let mut large = budget.none();
        large.grow(100 * BLOCK).expect("it takes all");
        assert!(budget.none().grow(1).is_err());
        drop(large);
        budget.none().grow(1).expect("there is room");
    }
}
