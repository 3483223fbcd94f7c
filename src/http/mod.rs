//! The HTTP routes, one file per family, and what they pass: `middleware` around each, `admit` before those that score.

pub(crate) mod admit;
pub(crate) mod assess;
pub mod batch;
pub mod correct;
pub(crate) mod document;
pub(crate) mod health;
pub(crate) mod metrics;
pub mod middleware;
pub(crate) mod models;
pub(crate) mod page;
pub mod problem;
pub(crate) mod profiles;
pub mod score;
