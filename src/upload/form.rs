//! Multipart forms (RFC 7578) of which only the parts named `image` are wanted, with bounds on everything else in them.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use multra::{Constraints, Field, Multipart, SizeLimit};

use super::body::{Incoming, is_declared};
use super::pace::Pace;
use super::{PARAMETERS, misplaced};
use crate::error::{ApiError, quoted};

/// Longest head of a part in bytes. It holds a name and a file name.
const HEAD: u64 = 16 << 10;
/// Longest text before the first part in bytes, and most white space after a boundary: neither has any use.
const PADDING: u64 = 1 << 10;
/// Most parts that are no images.
const OTHERS: usize = 16;

/// A form that is read part by part.
pub(super) struct Form {
    parts: Multipart<'static>,
    pace: Pace,
    others: usize,
}

/// A part named `image`.
pub(super) struct Image(Field<'static>);

/// The boundary that a request declares, if it is a form.
pub(super) fn boundary(headers: &HeaderMap) -> Option<Result<String, ApiError>> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    is_declared(headers, "multipart/form-data").then(|| {
        let boundary = multra::parse_boundary(content_type);
        boundary.or_else(|error| unquoted(content_type).ok_or(error)).map_err(|error| malformed(&error))
    })
}

/// A boundary with signs that need quotation marks and have none, as in `boundary====17===`: whoever writes forms by hand forgets them
/// (RFC 2046, section 5.1.1, warns of it).
fn unquoted(content_type: &str) -> Option<String> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, boundary) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    multra::parse_boundary(format!("multipart/form-data; boundary=\"{}\"", boundary.trim())).ok()
}

impl Form {
    /// The form in a body.
    pub(super) fn open(body: Incoming, boundary: String) -> Self {
        let pace = body.pace();
        let limits = SizeLimit::new().headers(HEAD).preamble(PADDING).boundary_padding(PADDING);
        let constraints = Constraints::new().size_limit(limits);
        Self { parts: Multipart::with_constraints(body, boundary, constraints), pace, others: 0 }
    }

    /// How the client keeps pace.
    pub(super) fn pace(&self) -> Pace {
        self.pace.clone()
    }

    /// The next part named `image`; none at the form's end.
    pub(super) async fn next_image(&mut self) -> Result<Option<Image>, ApiError> {
        while let Some(part) = self.parts.next_field().await.map_err(|error| malformed(&error))? {
            if part.name() == Some("image") {
                return Ok(Some(Image(part)));
            }
            if let Some(name) = PARAMETERS.iter().find(|name| part.name() == Some(name)) {
                return Err(ApiError::BadMultipart(misplaced(name)));
            }
            self.others += 1;
            if self.others > OTHERS {
                let detail = format!("The form has more than {OTHERS} parts that are not named `image`.");
                return Err(ApiError::BadMultipart(detail));
            }
        }
        Ok(None)
    }
}

impl Image {
    /// File name, if the part has one.
    pub(super) fn file_name(&self) -> Option<String> {
        self.0.file_name().map(str::to_owned)
    }

    /// The next chunk; none at the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        self.0.chunk().await.map_err(|error| malformed(&error))
    }
}

/// What ended the body, if that ended the form, too.
fn malformed(error: &multra::Error) -> ApiError {
    if let multra::Error::StreamReadFailed(cause) = error
        && let Some(cause) = cause.downcast_ref::<ApiError>()
    {
        return cause.clone();
    }
    ApiError::BadMultipart(format!("The multipart body is malformed: {}.", quoted(&error.to_string())))
}

/// The refusal of what is no form where one is needed.
pub(super) fn no_form() -> ApiError {
    ApiError::BadMultipart("Send a form: `Content-Type: multipart/form-data` with its boundary, or JSON.".into())
}

/// The refusal of a form without an image.
pub(super) fn without_image() -> ApiError {
    ApiError::BadMultipart(
        "The form has no part named `image`: send the file as one (`-F image=@FILE` with curl).".into(),
    )
}
