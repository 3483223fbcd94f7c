//! The HTTP routes, one file per family, and what they pass: `middleware` around each; those that score have `admit` before them,
//! `deadline` over them and `answer` behind them.

pub(crate) mod admit;
mod answer;
pub(crate) mod assess;
pub mod batch;
pub mod checks;
pub mod correct;
mod deadline;
pub(crate) mod document;
pub(crate) mod health;
pub(crate) mod metrics;
pub mod middleware;
pub(crate) mod models;
pub(crate) mod page;
pub mod problem;
pub(crate) mod profiles;
pub mod score;
