//! Steps that may panic: hostile photos, broken models and malformed files must cost no more than themselves.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// A step panicked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a step panicked")]
pub struct Panicked;

/// Runs a step whose panic must cost no more than its own photos. Only for steps that leave nothing behind but what they return, so
/// that nothing half-done is ever seen.
///
/// # Errors
/// [`Panicked`]; the panic's own message is in the log.
pub fn guarded<T>(step: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|_| Panicked)
}
