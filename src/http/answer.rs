//! Answers that keep their request's place until they are written to the client, or its connection is gone: a client that does not
//! read what it asked for takes room, as one does that does not send it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use serde::Serialize;

use super::admit::Place;
use crate::budget::Held;
use crate::error::ApiError;

/// An answer in JSON.
pub(super) fn json(place: Place, answer: &impl Serialize) -> Result<Response, ApiError> {
    let text = serde_json::to_vec(answer).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        ApiError::Internal
    })?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body(place, text)).into_response())
}

/// A body of these bytes. They themselves hold the place, wherever the HTTP library queues them.
pub(super) fn body(place: Place, bytes: impl AsRef<[u8]> + Send + 'static) -> Body {
    Body::new(Pieces(Bytes::from_owner(Held { bytes, keeps: place })))
}

/// A body that is given out in pieces, so that not much is queued beyond what the client takes.
struct Pieces(Bytes);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const PIECE: usize = 64 << 10;
        let length = self.0.len().min(PIECE);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(self.0.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
