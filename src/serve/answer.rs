//! The body of an answer, handed over piece by piece as the client takes it. One that takes none for the write timeout
//! is let go: by HTTP/2 it may keep its connection busy and yet have answers wait for good.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;

use super::pulse::InFlight;

/// Most bytes in a piece: what was handed over stays in memory until it is taken.
const PIECE: usize = 16 << 10;

/// The body of an answer.
pub(super) struct Answer {
    body: Body,
    /// What was taken from the body and not handed over yet.
    rest: Bytes,
    taken: watch::Sender<()>,
    _in_flight: InFlight,
}

impl Answer {
    /// A body whose request is in flight until it is dropped.
    pub(super) fn new(body: Body, in_flight: InFlight, write_timeout: Duration) -> Self {
        let (taken, mut progress) = watch::channel(());
        let pulse = Arc::clone(in_flight.pulse());
        tokio::spawn(async move {
            // Ends with the answer.
            loop {
                match tokio::time::timeout(write_timeout, progress.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return,
                    Err(_) => return pulse.give_up(),
                }
            }
        });
        Self { body, rest: Bytes::new(), taken, _in_flight: in_flight }
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.taken.send_replace(());
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        // HTTP/2 asks for more only when there is room for what it has: by its last byte an answer lasts until it is
        // taken.
        let last = usize::from(self.body.is_end_stream() && self.rest.len() > 1);
        let piece = (self.rest.len() - last).min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut size = SizeHint::new();
        size.set_lower(rest + body.lower());
        if let Some(upper) = body.upper() {
            size.set_upper(rest + upper);
        }
        size
    }
}
