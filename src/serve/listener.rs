//! Accepting connections: as many as there is room for, until the service closes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::connection::Connections;
use crate::shutdown::Stage;

/// Most connections that are still taken from the kernel's queue when the listener closes: its usual length.
const LAST: usize = 4096;

/// Serves a listener's connections until the service has ended, or has closed and all of them are done; tells how many
/// were cut off.
pub(super) async fn run(listener: std::net::TcpListener, connections: Connections) -> io::Result<usize> {
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(connections.most()));
    let mut stage = connections.stage();
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stage.wait_for(|stage| *stage >= Stage::Closing) => break,
            Some(_) = open.join_next(), if !open.is_empty() => {}
            (tcp, place) = accept(&listener, &places) => {
                open.spawn(connections.clone().serve(tcp, place));
            }
        }
    }
    // Clients that the kernel has let in already believe that they are connected.
    for _ in 0..LAST {
        // Otherwise tokio would have the loop pause after some dozens.
        let waiting = tokio::task::unconstrained(accept(&listener, &places));
        let Some((tcp, place)) = waiting.now_or_never() else { break };
        open.spawn(connections.clone().serve(tcp, place));
    }
    drop(listener);
    loop {
        tokio::select! {
            biased;
            done = open.join_next() => if done.is_none() { return Ok(0) },
            _ = stage.wait_for(|stage| *stage == Stage::Ended) => break,
        }
    }
    let cut_off = open.len();
    open.shutdown().await;
    Ok(cut_off)
}

/// The next connection, once there is a place for it: until then its client waits.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let place = Arc::clone(places).acquire_owned().await.expect("nobody closes the semaphore");
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => return (tcp, place),
            Err(error) => {
                // Most likely there are no file descriptors left; that passes when connections end.
                tracing::warn!(%error, "cannot accept: raise the limit of open files or lower --max-connections");
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
    }
}
