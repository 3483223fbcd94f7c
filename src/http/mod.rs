//! The HTTP routes, one file per family.

pub(crate) mod document;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod models;
pub mod problem;
pub mod score;
pub mod upload;
