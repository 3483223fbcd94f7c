//! Clearshot: how blurred, how far off in brightness and how tilted is a photo, in physical units with honest
//! intervals, over HTTP.
//!
//! This crate is the server and bulk scoring; what a photo goes through stands in `clearshot-core`. A request's way: [`router`] ->
//! [`http::middleware`] -> `http::admit` -> [`upload`] -> [`engine`] and back. Nothing depends on what stands above it here:
//! [`serve`] and [`router`], [`http`], [`app`], [`error`] and [`engine`], [`access`],
//! [`certificate`] and [`telemetry`].

pub mod access;
pub mod app;
pub mod budget;
pub mod bulk;
pub mod certificate;
pub mod config;
pub mod correct;
pub mod crypto;
pub mod decoders;
pub mod doctor;
mod drawn;
pub mod engine;
pub mod error;
pub mod health;
pub mod http;
pub mod memory;
pub mod openapi;
pub mod reload;
mod replace;
pub mod router;
pub mod serve;
pub mod shutdown;
pub mod source;
pub mod stdout;
#[cfg(feature = "object-store")]
mod store;
pub mod telemetry;
pub mod upload;
mod words;
