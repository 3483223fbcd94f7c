//! What every request passes on its way to a route and back; `router` says in which order.

pub(crate) mod access_log;
pub(crate) mod cors;
pub(crate) mod guard;
pub(crate) mod panic;
pub(crate) mod problem;
pub mod request_id;
pub(crate) mod security_headers;
pub(crate) mod trace_context;
