//! What the tests share: the real server as a process of its own, and photos.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses a part of this; tests may panic"
)]

pub mod photos;
pub mod raw;
pub mod room;
pub mod server;
pub mod skipped;
