//! Running the branch models.

mod runtime;

pub use runtime::{BranchSession, Runtime, RuntimeError};
