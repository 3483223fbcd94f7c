//! Stopping without losing a request, and at a certain time: SIGTERM turns `/readyz` to 503, the service goes on for a
//! grace time in which load balancers notice and connections are told to close, then it stops accepting and finishes
//! what it has, as far as that is done in time. Ctrl-C skips the time that is left of a stage.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::app::App;

/// How far the service is on its way to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Nobody asked it to stop.
    Serving,
    /// It serves everything, and tells each client to come back by another connection: that one may lead elsewhere.
    Draining,
    /// It accepts no connection, and none has a further request.
    Closing,
    /// Whatever is not done is dropped.
    Ended,
}

/// Signals that ask the service to stop.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When signals cannot be listened to.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Leads through the stages once asked to stop: serves for `grace` after SIGTERM, and for at most `drain` after
    /// that.
    pub(crate) async fn follow(mut self, app: Arc<App>, grace: Duration, drain: Duration, stage: watch::Sender<Stage>) {
        let terminated = tokio::select! {
            _ = self.terminate.recv() => true,
            _ = self.interrupt.recv() => false,
        };
        app.drain();
        stage.send_replace(Stage::Draining);
        if terminated {
            tracing::info!(grace_seconds = grace.as_secs_f64(), "asked to stop; draining");
            self.pass(grace).await;
        }
        tracing::info!(drain_seconds = drain.as_secs_f64(), "no longer accepting connections");
        stage.send_replace(Stage::Closing);
        self.pass(drain).await;
        stage.send_replace(Stage::Ended);
    }

    /// Ends when the time has passed, or at Ctrl-C.
    async fn pass(&mut self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
