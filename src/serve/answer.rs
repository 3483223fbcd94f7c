//! The body of an answer, handed over piece by piece as the client takes it. One that takes none for the write timeout, or less than a
//! slow line carries for longer than that, is let go: by HTTP/2 it may keep its connection busy and yet have answers wait for good.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Instant;

use super::pulse::InFlight;
use crate::upload::SLOWEST_LINE;

/// Most bytes in a piece: what was handed over stays in memory until it is taken.
const PIECE: usize = 16 << 10;

/// The body of an answer.
pub(super) struct Answer {
    body: Body,
    /// What was taken from the body and not handed over yet.
    rest: Bytes,
    handed_over: u64,
    taken: watch::Sender<u64>,
    _in_flight: InFlight,
}

impl Answer {
    /// A body whose request is in flight until it is dropped.
    pub(super) fn new(body: Body, in_flight: InFlight, write_timeout: Duration) -> Self {
        let (taken, mut progress) = watch::channel(0);
        let pulse = Arc::clone(in_flight.pulse());
        let began = Instant::now();
        tokio::spawn(async move {
            // Ends with the answer.
            loop {
                let bytes = *progress.borrow_and_update();
                // Who takes a byte now and then would hold a request's place for hours.
                let slowest = began + write_timeout + Duration::from_secs(bytes) / SLOWEST_LINE;
                let wait = write_timeout.min(slowest.saturating_duration_since(Instant::now()));
                match tokio::time::timeout(wait, progress.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return,
                    Err(_) => return pulse.give_up(),
                }
            }
        });
        Self { body, rest: Bytes::new(), handed_over: 0, taken, _in_flight: in_flight }
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.taken.send_replace(self.handed_over);
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
        self.handed_over += piece as u64;
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use axum::http::Version;
    use hyper::body::Body as _;
    use tokio::time::sleep;

    use super::super::pulse::Pulse;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_an_answer_slower_than_a_slow_line_is_given_up() {
        const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
        for (pause, is_given_up) in [(1, false), (20, true)] {
            let pulse = Arc::new(Pulse::new(WRITE_TIMEOUT));
            let mut answer = Answer::new(Body::from(vec![7; 1 << 20]), pulse.request(Version::HTTP_11), WRITE_TIMEOUT);
            let taken = async {
                while poll_fn(|cx| Pin::new(&mut answer).poll_frame(cx)).await.is_some() {
                    sleep(Duration::from_secs(pause)).await;
                }
            };
            let given_up = tokio::select! {
                () = pulse.given_up() => true,
                () = taken => false,
            };
            assert_eq!(given_up, is_given_up, "16 KiB every {pause} s");
        }
    }
}
