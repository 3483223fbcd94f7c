//! Clearshot: how blurred, how far off in brightness and how tilted is a photo, in physical units with honest
//! intervals, over HTTP.
//!
//! A photo's way through this crate: [`http`] or [`bulk`] -> [`ingest`] -> [`view`] -> [`engine`] -> [`scoring`] and back; the steps
//! on both sides of the engine are in [`assessment`]. The trainer (workspace member `trainer/`) shares everything but [`http`].

pub mod access;
pub mod app;
pub mod bulk;
pub mod config;
pub mod correct;
pub mod crypto;
pub mod engine;
pub mod error;
pub mod health;
pub mod http;
pub mod openapi;
pub mod reload;
pub mod router;
pub mod serve;
pub mod shutdown;
pub mod telemetry;
