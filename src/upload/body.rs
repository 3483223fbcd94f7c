//! A request's body: at most so long, at least so fast.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use futures_util::{Stream, StreamExt};
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep, timeout};

use super::Reading;
use super::pace::Pace;
use crate::budget::Reserved;
use crate::error::ApiError;
use crate::source::Opened;

/// Checks that a body is sent as it is: nothing that is compressed is unpacked here, as what it comes to is not known before.
///
/// # Errors
/// [`ApiError::UnsupportedEncoding`].
pub(crate) fn understood(headers: &HeaderMap) -> Result<(), ApiError> {
    let codings = headers
        .get_all(header::CONTENT_ENCODING)
        .into_iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    if codings.all(|coding| coding.eq_ignore_ascii_case(b"identity")) {
        Ok(())
    } else {
        Err(ApiError::UnsupportedEncoding)
    }
}

/// True where the declared type of a body, without its parameters, is this one.
pub(super) fn is_declared(headers: &HeaderMap, media_type: &str) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case(media_type))
}

/// A body as it comes: a stream of chunks that ends with an error when it becomes too long or too slow.
pub(super) struct Incoming {
    body: Body,
    limit: usize,
    seen: usize,
    pace: Pace,
    patience: Pin<Box<Sleep>>,
    leftover: Leftover,
}

/// What becomes of a body that is given up in the middle.
#[derive(Clone, Copy, PartialEq)]
enum Leftover {
    /// It is read to its end: see [`drain`].
    Read,
    /// The same, once the client has been asked for it.
    ReadIfBegun,
    /// Nobody waits for an answer behind it.
    Left,
}

impl Incoming {
    /// The body and its declared length (0 where none is), which is refused before a byte is read where it is beyond the limit. A form's
    /// frame around the image is counted with it.
    pub(super) async fn open(request: Request, limit: usize, reading: &Reading) -> Result<(Self, usize), ApiError> {
        let length = request.headers().get(header::CONTENT_LENGTH);
        let declared = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok()).unwrap_or(0);
        let Some(declared) = within(declared, limit) else {
            discard(request).await;
            return Err(ApiError::BodyTooLarge { limit });
        };
        let leftover = if waits(request.headers()) { Leftover::ReadIfBegun } else { Leftover::Read };
        Ok((Self::of(request.into_body(), limit, leftover, reading), declared))
    }

    /// What a source gives, and its length as far as it says it.
    pub(super) fn fetched(opened: Opened, limit: usize, reading: &Reading) -> Result<(Self, usize), ApiError> {
        let Opened { body, declared } = opened;
        let declared = within(declared.unwrap_or(0), limit).ok_or(ApiError::BodyTooLarge { limit })?;
        Ok((Self::of(body, limit, Leftover::Left, reading), declared))
    }

    /// A length that nobody declares is found while reading.
    fn of(body: Body, limit: usize, leftover: Leftover, reading: &Reading) -> Self {
        let (pace, patience) = (Pace::new(reading), Box::pin(sleep(Duration::ZERO)));
        Self { body, limit, seen: 0, pace, patience, leftover }
    }

    /// How the client keeps pace.
    pub(super) fn pace(&self) -> Pace {
        self.pace.clone()
    }

    /// The next chunk; none at the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        self.next().await.transpose()
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, ApiError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Poll::Ready(came) = Pin::new(&mut self.body).poll_frame(context) else {
            let until = self.pace.waiting();
            self.patience.as_mut().reset(until.into());
            ready!(self.patience.as_mut().poll(context));
            return Poll::Ready(Some(Err(self.pace.too_slow())));
        };
        let Some(frame) = came else { return Poll::Ready(None) };
        // Trailers are of no interest.
        let data = frame.map_err(|_| ApiError::BrokenBody)?.into_data().unwrap_or_default();
        self.pace.came(data.len());
        self.seen += data.len();
        let limit = self.limit;
        Poll::Ready(Some(if self.seen > limit { Err(ApiError::BodyTooLarge { limit }) } else { Ok(data) }))
    }
}

impl Drop for Incoming {
    /// What is left of an upload is read beside the answer.
    fn drop(&mut self) {
        let awaited = match self.leftover {
            Leftover::Read => true,
            Leftover::ReadIfBegun => self.seen > 0,
            Leftover::Left => false,
        };
        let unread = awaited && !self.body.is_end_stream();
        if let Some(runtime) = Handle::try_current().ok().filter(|_| unread) {
            runtime.spawn(drain(mem::take(&mut self.body)));
        }
    }
}

/// A length that keeps to a limit.
fn within(length: u64, limit: usize) -> Option<usize> {
    usize::try_from(length).ok().filter(|length| *length <= limit)
}

/// The bytes of one image while they come: within its limit, and counted in the budget of all.
pub(super) struct Collected {
    bytes: Vec<u8>,
    reserved: Reserved,
    limit: usize,
}

impl Collected {
    /// Room for what is declared; it counts only when it comes, as a declaration costs a client nothing.
    pub(super) fn of(declared: usize, reading: &Reading) -> Self {
        let bytes = Vec::with_capacity(declared);
        Self { bytes, reserved: reading.budget.none(), limit: reading.limits.max_body_bytes }
    }

    pub(super) fn add(&mut self, chunk: &[u8]) -> Result<(), ApiError> {
        let length = self.bytes.len() + chunk.len();
        if length > self.limit {
            return Err(ApiError::BodyTooLarge { limit: self.limit });
        }
        self.reserved.grow(length)?;
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// What came until now.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All bytes, and their part of the budget.
    pub(super) fn into_parts(self) -> (Vec<u8>, Reserved) {
        (self.bytes, self.reserved)
    }

    /// All bytes; there has to be one.
    pub(super) fn into_image(self) -> Result<Bytes, ApiError> {
        if self.bytes.is_empty() { Err(ApiError::EmptyBody) } else { Ok(self.reserved.hold(self.bytes)) }
    }
}

/// Drops a body of which nothing was read; see [`drain`].
pub(crate) async fn discard(request: Request) {
    if !waits(request.headers()) {
        drain(request.into_body()).await;
    }
}

/// True where the client waits with its body until it is asked for it (RFC 9110, section 10.1.1), which reading would do.
fn waits(headers: &HeaderMap) -> bool {
    headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Reads and drops what a refused client is still sending, within bounds: a connection that is closed under a sender
/// shows it a broken pipe instead of the answer (RFC 9112, section 9.6).
async fn drain(mut body: Body) {
    const MOST: usize = 8 << 20;
    let drained = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > MOST {
                break;
            }
        }
    };
    // Too slow is as good as done: the answer goes out either way.
    let _ = timeout(Duration::from_secs(1), drained).await;
}
