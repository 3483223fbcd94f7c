//! Reading uploads: the image as the raw body, as the part `image` of a multipart form or in JSON, or many of them in one form or JSON;
//! JSON may also name a source, from which the image is fetched. What a client may make the service hold and wait for is bounded here: `body` bounds size and pace, `form` what is no image, `json`
//! how many images there are.

mod body;
mod form;
mod json;
mod pace;

pub(crate) use body::{discard, understood};
pub(crate) use json::{BatchJson, ScoreJson};

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use clap::Args;
use clearshot_core::ingest::at_least_one;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::Instrument;

use crate::budget::{Budget, Reserved};
use crate::error::ApiError;
use crate::source::Sources;
use body::{Collected, Incoming};
use form::Form;
use json::BatchJsonImage;

/// Names of parameters of the query. A client that sends one in a form or in JSON would be judged by defaults and never know.
const PARAMETERS: [&str; 8] = ["attempt", "coverage", "detail", "format", "frame", "profile", "quality", "summary"];

/// Bytes a second of the slowest line that is served: an upload's unless the operator says otherwise, and an answer's.
pub(crate) const SLOWEST_LINE: u32 = 8 << 10;

/// What to do about a parameter in the wrong place.
fn misplaced(name: &str) -> String {
    format!("`{name}` is a parameter of the query: send it as `?{name}=...`.")
}

/// Caps on request bodies.
#[derive(Clone, Copy, Debug, Args)]
pub struct UploadLimits {
    /// Largest request body in bytes.
    #[arg(long, env = "CLEARSHOT_MAX_BODY_BYTES", default_value_t = UploadLimits::default().max_body_bytes)]
    pub max_body_bytes: usize,
    /// Most images in one form of /score/batch.
    #[arg(long, env = "CLEARSHOT_MAX_IMAGES", default_value_t = UploadLimits::default().max_images)]
    pub max_images: usize,
    /// Largest form of /score/batch in bytes; each image in it has to keep to --max-body-bytes, too.
    #[arg(long, env = "CLEARSHOT_MAX_FORM_BYTES", default_value_t = UploadLimits::default().max_form_bytes)]
    pub max_form_bytes: usize,
    /// Largest image in pixels that /correct takes: it holds all pixels of a photo, several times.
    #[arg(long, env = "CLEARSHOT_MAX_CORRECT_PIXELS", default_value_t = UploadLimits::default().max_correct_pixels)]
    pub max_correct_pixels: u64,
    /// Slowest upload in bytes a second, on average after the first three seconds; 0 for no limit. Only time in which the service
    /// waits for the client counts. A client that sends a byte now and then would hold a place of --max-in-flight until the deadline.
    #[arg(long, env = "CLEARSHOT_MIN_UPLOAD_RATE", default_value_t = UploadLimits::default().min_upload_rate)]
    pub min_upload_rate: u32,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 32 << 20,
            max_images: 50,
            max_form_bytes: 256 << 20,
            max_correct_pixels: 52_000_000,
            min_upload_rate: SLOWEST_LINE,
        }
    }
}

impl UploadLimits {
    /// Checks that something can be sent. Corrections may be switched off, and a rate of 0 is no limit.
    ///
    /// # Errors
    /// A message that names the flag.
    pub fn validate(&self) -> Result<(), String> {
        at_least_one(&[
            ("--max-body-bytes", self.max_body_bytes as u64),
            ("--max-images", self.max_images as u64),
            ("--max-form-bytes", self.max_form_bytes as u64),
        ])
    }
}

/// How uploads are read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Caps on request bodies.
    pub limits: UploadLimits,
    /// Longest that the service waits for a client while it sends one image. A form may take [`FORM_PATIENCE`] of it.
    pub patience: Duration,
    /// The bytes that all uploads together may hold.
    pub budget: Budget,
    /// Where images are fetched from that requests only name.
    pub sources: Sources,
}

/// Images of one request that are fetched at once: a source takes most of its time to answer.
const FETCHED_AT_ONCE: usize = 4;

/// How many times the time for one image a form of many may keep the service waiting, however many images it has.
pub const FORM_PATIENCE: u32 = 10;

/// The image of a request.
#[derive(Debug)]
pub struct Upload {
    /// Its bytes; they count in the budget until they are dropped.
    pub bytes: Bytes,
    /// True where the request only named it, and the service fetched it: what that took is not the client's fault.
    pub is_fetched: bool,
}

impl Upload {
    /// An image that came with its request.
    fn sent(bytes: Bytes) -> Self {
        Self { bytes, is_fetched: false }
    }
}

/// Reads the image.
///
/// # Errors
/// [`ApiError`]: the body is empty, too large, too slow or broken, the form or JSON is malformed, or the budget is used up.
pub async fn read(request: Request, reading: &Reading) -> Result<Upload, ApiError> {
    let boundary = form::boundary(request.headers());
    let is_json = json::declared(request.headers());
    let limit = reading.limits.max_body_bytes;
    let (body, declared) = Incoming::open(request, limit, reading).await?;
    match boundary {
        Some(boundary) => read_form(Form::open(body, boundary?), reading).await.map(Upload::sent),
        None => {
            let bytes = read_raw(body, declared, reading).await?;
            // What is declared is not trusted: an image that calls itself JSON is still one.
            if is_json && json::begins(bytes.bytes()) {
                read_json(bytes, reading).await
            } else {
                bytes.into_image().map(Upload::sent)
            }
        }
    }
}

/// Takes the image out of JSON, or fetches the one that it names.
async fn read_json(collected: Collected, reading: &Reading) -> Result<Upload, ApiError> {
    let (text, mut reserved) = collected.into_parts();
    reserved.grow(json::held_while_read(&text))?;
    let image = block(move || json::one(&text)).await?;
    let is_fetched = matches!(image, json::Image::Source(_));
    Ok(Upload { bytes: bytes_of(image, reserved, reading).await?, is_fetched })
}

/// The bytes of an image that JSON holds or names; `reserved` is room for what it holds.
async fn bytes_of(image: json::Image, reserved: Reserved, reading: &Reading) -> Result<Bytes, ApiError> {
    match image {
        json::Image::Text(text) => block(move || hold(json::decode(text)?, reserved)).await,
        json::Image::Source(source) => {
            drop(reserved);
            fetch(&source, reading).await
        }
    }
}

/// Fetches an image, within the limits that it would have as an upload, and in time.
async fn fetch(source: &str, reading: &Reading) -> Result<Bytes, ApiError> {
    // Longer than for a client the service waits for no source.
    let within = reading.sources.timeout.min(reading.patience);
    let fetched = async {
        let opened = reading.sources.open(source).await?;
        let (body, declared) = Incoming::fetched(opened, reading.limits.max_body_bytes, reading)?;
        read_raw(body, declared, reading).await?.into_image()
    };
    let late = || Err(ApiError::SourceUnavailable(format!("it took longer than {} s", within.as_secs_f32())));
    let fetched = timeout(within, fetched).await.unwrap_or_else(|_| late());
    // What is said of an upload is the client's fault, and this is not.
    fetched.map_err(|error| match error {
        ApiError::BrokenBody => ApiError::SourceUnavailable("it broke off".into()),
        ApiError::UploadTooSlow { .. } | ApiError::UploadTooLate { .. } => {
            ApiError::SourceUnavailable("it came too slowly".into())
        }
        ApiError::EmptyBody => ApiError::SourceUnavailable("it is empty".into()),
        error => error,
    })
}

/// Decoding many megabytes keeps a thread busy that others wait for.
async fn block<T: Send + 'static>(work: impl FnOnce() -> Result<T, ApiError> + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "reading JSON panicked");
        Err(ApiError::Internal)
    })
}

/// An image's bytes, with as much of a larger part of the budget as they take.
fn hold(image: Vec<u8>, mut reserved: Reserved) -> Result<Bytes, ApiError> {
    if image.is_empty() {
        return Err(ApiError::EmptyBody);
    }
    reserved.shrink(image.len());
    Ok(reserved.hold(image))
}

/// Collects the body in one buffer of the declared size: with frames that are put together at the end, an upload would take
/// its size twice.
async fn read_raw(mut body: Incoming, declared: usize, reading: &Reading) -> Result<Collected, ApiError> {
    let mut bytes = Collected::of(declared, reading);
    while let Some(chunk) = body.chunk().await? {
        bytes.add(&chunk)?;
    }
    Ok(bytes)
}

async fn read_form(mut form: Form, reading: &Reading) -> Result<Bytes, ApiError> {
    let mut image = form.next_image().await?.ok_or_else(form::without_image)?;
    let mut bytes = Collected::of(0, reading);
    while let Some(chunk) = image.chunk().await? {
        bytes.add(&chunk)?;
    }
    drop(image);
    if form.next_image().await?.is_some() {
        return Err(ApiError::BadMultipart("The form has more than one part named `image`.".into()));
    }
    bytes.into_image()
}

/// One of many images.
pub struct NamedImage {
    /// Position among the parts named `image` or in the JSON's list, from 0.
    pub index: usize,
    /// File name of the part, or what the JSON calls it.
    pub name: Option<String>,
    /// What it holds; an image beyond its own limit is an error of its own.
    pub bytes: Result<Bytes, ApiError>,
}

/// The images of a form or of JSON, read one after the other.
pub struct Images(Origin);

enum Origin {
    Form(Box<FormImages>),
    Json(JsonImages),
}

impl Images {
    /// Begins to read a form, or reads JSON, which is held whole and so is bounded like one image.
    ///
    /// # Errors
    /// [`ApiError`]: it is neither, larger than the limit, too slow or broken, or the JSON is malformed or has too many images.
    pub async fn open(request: Request, reading: &Reading) -> Result<Self, ApiError> {
        if json::declared(request.headers()) {
            return JsonImages::read(request, reading).await.map(Origin::Json).map(Self);
        }
        let boundary = form::boundary(request.headers()).ok_or_else(form::no_form)??;
        let (body, _) = Incoming::open(request, reading.limits.max_form_bytes, reading).await?;
        let form = FormImages { form: Form::open(body, boundary), seen: 0, reading: reading.clone() };
        Ok(Self(Origin::Form(Box::new(form))))
    }

    /// The next image; none at the end, which must not come before the first. Time between two calls is the service's own.
    ///
    /// # Errors
    /// [`ApiError`]: the form is malformed, too large, too slow or broken.
    pub async fn next(&mut self) -> Result<Option<NamedImage>, ApiError> {
        match &mut self.0 {
            Origin::Form(form) => form.next().await,
            Origin::Json(JsonImages(images)) => Ok(images.next().await),
        }
    }
}

/// The images of JSON, which is there: decoded one after the other, or fetched some at once.
struct JsonImages(BoxStream<'static, NamedImage>);

impl JsonImages {
    async fn read(request: Request, reading: &Reading) -> Result<Self, ApiError> {
        let (body, declared) = Incoming::open(request, reading.limits.max_body_bytes, reading).await?;
        let (text, mut reserved) = read_raw(body, declared, reading).await?.into_parts();
        if text.is_empty() {
            return Err(json::without_images());
        }
        reserved.grow(json::held_while_read(&text))?;
        let most = reading.limits.max_images;
        let items = block(move || json::many(&text, most)).await?;
        let at_once = if items.iter().any(BatchJsonImage::is_elsewhere) { FETCHED_AT_ONCE } else { 1 };
        // What their texts take, and room for the longest of them to be decoded.
        let lengths = || items.iter().map(BatchJsonImage::length);
        reserved.shrink(lengths().sum::<usize>() + at_once * lengths().max().unwrap_or(0));
        let reading = reading.clone();
        let named = move |(index, mut item): (usize, BatchJsonImage)| {
            let name = item.name.take();
            // An image takes the place of its text.
            let room = reserved.split(item.length());
            let reading = reading.clone();
            let bytes = apart(async move { bytes_of(item.into_image()?, room, &reading).await });
            async move { NamedImage { index, name, bytes: bytes.await } }
        };
        Ok(Self(stream::iter(items).enumerate().map(named).buffered(at_once).boxed()))
    }
}

/// Runs `work` whether it is waited for or not, until nobody can wait for it any more: a source must not seem slow because its reader
/// has other things to do.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let mut running = JoinSet::new();
    running.spawn(work.in_current_span());
    let done = running.join_next().await.expect("there is one");
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "reading an image panicked");
        Err(ApiError::Internal)
    })
}

/// The images of a form.
struct FormImages {
    form: Form,
    seen: usize,
    reading: Reading,
}

impl FormImages {
    async fn next(&mut self) -> Result<Option<NamedImage>, ApiError> {
        let pace = self.form.pace();
        pace.begin();
        let next = self.read_next().await;
        pace.pause();
        next
    }

    async fn read_next(&mut self) -> Result<Option<NamedImage>, ApiError> {
        let Some(mut image) = self.form.next_image().await? else {
            return if self.seen == 0 { Err(form::without_image()) } else { Ok(None) };
        };
        if self.seen == self.reading.limits.max_images {
            return Err(ApiError::TooManyImages { limit: self.reading.limits.max_images });
        }
        let index = self.seen;
        self.seen += 1;
        let name = image.file_name();
        let mut bytes = Ok(Collected::of(0, &self.reading));
        while let Some(chunk) = image.chunk().await? {
            // What is beyond a limit is read to its end all the same, for what follows it in the form.
            bytes = bytes.and_then(|mut bytes: Collected| bytes.add(&chunk).map(|()| bytes));
        }
        Ok(Some(NamedImage { index, name, bytes: bytes.and_then(Collected::into_image) }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use axum::body::Body;
    use axum::http::header;
    use futures_util::stream;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_parameter_of_a_route_that_takes_uploads_is_known() {
        let document: serde_json::Value =
            serde_json::from_str(include_str!("../../openapi/openapi.json")).expect("it is JSON");
        let routes = document["paths"].as_object().expect("routes").values().filter_map(|route| route.get("post"));
        let parameters = routes.flat_map(|route| route["parameters"].as_array().into_iter().flatten());
        let queries = parameters.filter(|parameter| parameter["in"] == "query");
        let names: BTreeSet<&str> = queries.filter_map(|parameter| parameter["name"].as_str()).collect();
        assert_eq!(names, BTreeSet::from(PARAMETERS));
    }

    /// A form of these images, which comes in pieces of so many bytes.
    fn form(images: &[Vec<u8>], piece: usize) -> Request {
        let parts = images.iter().flat_map(|image| {
            let head = &b"--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n"[..];
            [head, image, b"\r\n"].concat()
        });
        let bytes: Vec<u8> = parts.chain(*b"--x--\r\n").collect();
        let pieces: Vec<_> = bytes.chunks(piece).map(|piece| Ok::<_, Infallible>(piece.to_vec())).collect();
        let request = Request::post("/").header(header::CONTENT_TYPE, "multipart/form-data; boundary=x");
        request.body(Body::from_stream(stream::iter(pieces))).expect("a request")
    }

    /// Bytes that look like boundaries, and end like them.
    fn image() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(&b"\r\n-- y"[..]), 1..60)
    }

    proptest! {
        #[test]
        fn a_form_says_the_same_whatever_pieces_it_comes_in(images in prop::collection::vec(image(), 1..4), piece in 1usize..90) {
            let limits = UploadLimits::default();
            let patience = Duration::from_secs(60);
            let reading = Reading { limits, patience, budget: Budget::new(1 << 20), sources: Sources::none() };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            let found = runtime.block_on(async {
                let mut form = Images::open(form(&images, piece), &reading).await.expect("a form");
                let mut found = Vec::new();
                while let Some(image) = form.next().await.expect("it is sound") {
                    found.push(image.bytes.expect("it is small").to_vec());
                }
                found
            });
            prop_assert_eq!(&found, &images);
            let alone = runtime.block_on(read(form(&images, piece), &reading));
            match alone {
                Ok(upload) => prop_assert!(images.len() == 1 && images[0] == upload.bytes && !upload.is_fetched),
                Err(error) => prop_assert!(images.len() > 1 && matches!(error, ApiError::BadMultipart(_)), "{error}"),
            }
        }
    }
}
