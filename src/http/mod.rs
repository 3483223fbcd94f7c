//! The HTTP routes, one file per family.

pub(crate) mod assess;
pub mod batch;
pub mod correct;
pub(crate) mod document;
pub(crate) mod guard;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod page;
pub mod problem;
pub(crate) mod profiles;
pub mod score;
pub mod upload;
