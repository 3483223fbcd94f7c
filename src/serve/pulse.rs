//! What a connection is doing, and until when its client may keep it waiting.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Version;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::shutdown::Stage;

/// How long a client may take to shake hands and for its first request, and from the first byte to the last for the
/// head of a later one.
pub(super) const HEAD: Duration = Duration::from_secs(10);

/// How long a client whose connection is new when the service closes may take for its only request.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// A connection as it is at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// Requests whose answers are not complete.
    in_flight: usize,
    /// No request has come yet.
    fresh: bool,
    /// It speaks HTTP/2, which has frames of its own between requests.
    http2: bool,
    /// The head of a request has begun and not ended.
    in_head: bool,
    /// By when a request has to come, or to be complete.
    until: Instant,
}

impl State {
    /// By when something has to happen; none while the client waits for us.
    pub(super) fn until(&self) -> Option<Instant> {
        (self.in_flight == 0).then_some(self.until)
    }

    /// True where a request would be lost with the connection.
    pub(super) fn in_head(&self) -> bool {
        self.in_head
    }

    /// True when the connection is to end once what is in flight is answered. HTTP/1.1 says so with its next answer,
    /// HTTP/2 at any time (GOAWAY).
    pub(super) fn is_to_end(&self, stage: Stage) -> bool {
        let last = if self.http2 { Stage::Draining } else { Stage::Closing };
        !self.fresh && !self.in_head && stage >= last
    }
}

/// A connection's state, told to it by whoever changes it.
pub(super) struct Pulse {
    state: watch::Sender<State>,
    keep_alive: Duration,
    given_up: Notify,
}

impl Pulse {
    /// Of a connection that was accepted just now, and is kept for `keep_alive` after an answer.
    pub(super) fn new(keep_alive: Duration) -> Self {
        let state = State { in_flight: 0, fresh: true, http2: false, in_head: false, until: Instant::now() + HEAD };
        Self { state: watch::Sender::new(state), keep_alive, given_up: Notify::new() }
    }

    /// Tells of changes.
    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Bytes came from the client.
    pub(super) fn received(&self) {
        self.state.send_if_modified(|state| {
            let begins = state.in_flight == 0 && !state.in_head && !state.http2;
            if begins {
                state.in_head = true;
                if !state.fresh {
                    state.until = Instant::now() + HEAD;
                }
            }
            begins
        });
    }

    /// Bytes of an answer went to the client, who had none before: from now on it may be idle.
    pub(super) fn sent(&self) {
        self.state.send_if_modified(|state| {
            let late = state.in_flight == 0 && !state.in_head && !state.http2 && !state.fresh;
            if late {
                state.until = Instant::now() + self.keep_alive;
            }
            late
        });
    }

    /// A request came; it is in flight until what this gives is dropped.
    pub(super) fn request(self: &Arc<Self>, version: Version) -> InFlight {
        self.state.send_modify(|state| {
            state.in_flight += 1;
            state.fresh = false;
            state.in_head = false;
            state.http2 = version == Version::HTTP_2;
        });
        InFlight(Arc::clone(self))
    }

    /// The client has been told that the connection ends, and has this long to agree.
    pub(super) fn ending(&self) {
        self.state.send_modify(|state| state.until = Instant::now() + HEAD);
    }

    /// The service closes: a client that has asked for nothing yet has to hurry.
    pub(super) fn hurry(&self) {
        self.state.send_if_modified(|state| {
            let soon = Instant::now() + LAST_CHANCE;
            let hurries = state.fresh && state.until > soon;
            if hurries {
                state.until = soon;
            }
            hurries
        });
    }

    /// The client does not take an answer: the connection is not worth keeping.
    pub(super) fn give_up(&self) {
        self.given_up.notify_one();
    }

    /// Ends after [`Self::give_up`].
    pub(super) async fn given_up(&self) {
        self.given_up.notified().await;
    }
}

/// A request that is in flight until this is dropped.
pub(super) struct InFlight(Arc<Pulse>);

impl InFlight {
    /// The connection it came by.
    pub(super) fn pulse(&self) -> &Arc<Pulse> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Pulse { state, keep_alive, .. } = &*self.0;
        state.send_modify(|state| {
            state.in_flight -= 1;
            state.until = Instant::now() + *keep_alive;
        });
    }
}
