//! Images in JSON, as base64 or data URLs (RFC 2397), or the URLs where they lie: what clients send that cannot send bytes.
//!
//! A body of JSON is held whole, with a copy of its texts, until its images are decoded; all of it counts in the budget of uploads.

use std::borrow::Cow;
use std::fmt;

use axum::http::HeaderMap;
use base64::Engine;
use base64::alphabet::{self, Alphabet};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{self, DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::body::is_declared;
use super::{PARAMETERS, misplaced};
use crate::error::{ApiError, quoted};

/// Longest name of an image in bytes, as in a form.
const NAME: usize = 16 << 10;

const ONE: &str = r#"send `{"image": "..."}` with the file in base64, `{"source": "..."}` with the URL where it lies, or the file itself as the body"#;
const MANY: &str = r#"send `{"images": [{"image": "...", "name": "..."}]}` with the files in base64, or with `source` and the URLs where they lie (a `name` is optional), or a form"#;

/// An image, as JSON: `image` or `source`.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ScoreJson {
    /// The image file in base64, or as a data URL (`data:image/jpeg;base64,...`). The whole body counts against the limit on uploads.
    #[schema(nullable = false, example = "/9j/4AAQSkZJRgABAQ==")]
    image: Option<String>,
    /// Where the image file lies: a URL (`s3://`, `gs://`, `az://`, `https://`) that the operator has allowed. The service fetches it.
    #[schema(nullable = false)]
    source: Option<String>,
}

/// Many images, as JSON.
#[derive(Deserialize, ToSchema)]
pub(crate) struct BatchJson {
    /// The images. All of them together, as JSON, keep to the limit for one upload; a form may be larger.
    #[schema(min_items = 1)]
    images: Vec<BatchJsonImage>,
}

/// One of many images, as JSON: `image` or `source`, or it is a problem of its own.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct BatchJsonImage {
    /// The image file in base64, or as a data URL (`data:image/jpeg;base64,...`).
    #[schema(nullable = false, example = "/9j/4AAQSkZJRgABAQ==")]
    image: Option<String>,
    /// Where the image file lies: a URL that the operator has allowed.
    #[schema(nullable = false)]
    source: Option<String>,
    /// What its result is called.
    #[schema(nullable = false, example = "kitchen.jpg")]
    pub(super) name: Option<String>,
}

/// The images of a request, to be counted.
#[derive(Deserialize)]
struct Counted {
    images: Vec<Parameters>,
}

/// What stands for an image.
#[derive(Debug, PartialEq)]
pub(super) enum Image {
    /// Its bytes in base64.
    Text(String),
    /// The URL where it lies.
    Source(String),
}

impl Image {
    fn of(image: Option<String>, source: Option<String>, remedy: &str) -> Result<Self, ApiError> {
        match (image, source) {
            (Some(image), None) => Ok(Self::Text(image)),
            (None, Some(source)) => Ok(Self::Source(source)),
            (None, None) => Err(ApiError::BadJson(format!("The JSON has no image: {remedy}."))),
            (Some(_), Some(_)) => {
                Err(ApiError::BadJson(format!("The JSON has both an `image` and a `source`: {remedy}.")))
            }
        }
    }
}

/// True where a request declares its body to be JSON.
pub(super) fn declared(headers: &HeaderMap) -> bool {
    is_declared(headers, "application/json")
}

/// True where bytes begin as an object, a list or a text of JSON does. No image does so.
pub(super) fn begins(bytes: &[u8]) -> bool {
    matches!(without_mark(bytes).trim_ascii_start().first(), Some(b'{' | b'[' | b'"'))
}

/// Text without the mark of its byte order, which .NET and PowerShell put before UTF-8 and which may be ignored (RFC 8259, section 8.1).
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}

/// How many bytes are held while a text of JSON is read: itself, a copy of what is in it, and where something is escaped (as `\/` is
/// by PHP) the parser's own copy, too.
pub(super) fn held_while_read(text: &[u8]) -> usize {
    text.len().saturating_mul(if text.contains(&b'\\') { 3 } else { 2 })
}

/// The refusal of JSON without images.
pub(super) fn without_images() -> ApiError {
    ApiError::BadJson(format!("The JSON has no images: {MANY}."))
}

/// What stands for the one image of a request.
pub(super) fn one(text: &[u8]) -> Result<Image, ApiError> {
    let Parameters = parse(text, ONE)?;
    let ScoreJson { image, source } = parse(text, ONE)?;
    Image::of(image, source, ONE)
}

/// The images of a request, as they stand there: at least one, at most `most`.
pub(super) fn many(text: &[u8], most: usize) -> Result<Vec<BatchJsonImage>, ApiError> {
    let Parameters = parse(text, MANY)?;
    // They are counted first, which takes no memory: many empty ones would take more than their text does.
    let Counted { images: counted } = parse(text, MANY)?;
    if counted.is_empty() {
        return Err(without_images());
    }
    if counted.len() > most {
        return Err(ApiError::TooManyImages { limit: most });
    }
    let BatchJson { images } = parse(text, MANY)?;
    if images.iter().any(|item| item.name.as_ref().is_some_and(|name| name.len() > NAME)) {
        return Err(ApiError::BadJson(format!("A `name` has at most {NAME} bytes.")));
    }
    Ok(images)
}

/// An object whose members are not looked at but for parameters of the query among them.
struct Parameters;

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(object: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Parameters;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Parameters, M::Error> {
                while let Some(name) = members.next_key::<Cow<str>>()? {
                    if PARAMETERS.contains(&&*name) {
                        return Err(de::Error::custom(misplaced(&name)));
                    }
                    members.next_value::<IgnoredAny>()?;
                }
                Ok(Parameters)
            }
        }
        object.deserialize_map(Names)
    }
}

fn parse<T: DeserializeOwned>(text: &[u8], remedy: &str) -> Result<T, ApiError> {
    serde_json::from_slice(without_mark(text)).map_err(|error| {
        ApiError::BadJson(format!("The JSON cannot be read ({}): {remedy}.", quoted(&error.to_string())))
    })
}

impl BatchJsonImage {
    /// Bytes of its base64.
    pub(super) fn length(&self) -> usize {
        self.image.as_ref().map_or(0, String::len)
    }

    /// True where it has to be fetched.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.source.is_some()
    }

    /// What stands for it.
    pub(super) fn into_image(self) -> Result<Image, ApiError> {
        Image::of(self.image, self.source, MANY)
    }
}

/// The bytes that a text encodes: base64 (RFC 4648) in either alphabet, with padding or without, broken into lines or not, alone or as
/// a data URL.
pub(super) fn decode(text: String) -> Result<Vec<u8>, ApiError> {
    let mut text = text.into_bytes();
    if text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"data:")) {
        let comma = text.iter().position(|byte| *byte == b',').ok_or_else(|| bad("a data URL has a comma"))?;
        let is_base64 = text[..comma].to_ascii_lowercase().ends_with(b";base64");
        if !is_base64 {
            return Err(bad("a data URL says `;base64` before its comma"));
        }
        text.drain(..=comma);
    }
    text.retain(|byte| !byte.is_ascii_whitespace());
    let alphabet =
        if text.iter().any(|byte| matches!(byte, b'-' | b'_')) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    engine(alphabet).decode(&text).map_err(|error| bad(&error.to_string()))
}

fn engine(alphabet: &Alphabet) -> GeneralPurpose {
    let any_padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, any_padding)
}

fn bad(why: &str) -> ApiError {
    let why = why.trim_end_matches('.');
    ApiError::BadBase64(format!(
        "The text of `image` is no base64 ({why}): encode the bytes of the file, or send them as they are, as the body or in a form."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Result<Vec<u8>, &'static str> {
        decode(text.to_owned()).map_err(|error| error.problem().code)
    }

    #[test]
    fn base64_is_read_however_it_is_written() {
        let bytes = b"\xFF\xD8\xFF\xE0?>".to_vec();
        for text in
            ["/9j/4D8+", "_9j_4D8-", "/9j/\r\n4D8+\n", "data:image/jpeg;base64,/9j/4D8+", "DATA:;x=y;BASE64,/9j/4D8+"]
        {
            assert_eq!(decoded(text), Ok(bytes.clone()), "{text}");
        }
        assert_eq!((decoded("/9g="), decoded("/9g")), (Ok(vec![0xFF, 0xD8]), Ok(vec![0xFF, 0xD8])));
        assert_eq!(decoded(""), Ok(vec![]));
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in [
            "/9j/4",
            "/9j!",
            "/9j_",
            "data:image/jpeg,/9j/",
            "data:image/jpeg;base64",
            "data:",
            "https://a.example/b.jpg",
        ] {
            assert_eq!(decoded(text), Err("bad_base64"), "{text}");
        }
    }

    #[test]
    fn a_mark_of_the_byte_order_before_the_text_is_no_part_of_it() {
        let marked = b"\xEF\xBB\xBF{\"image\": \"/9g=\"}";
        assert!(begins(marked));
        assert!(matches!(one(marked), Ok(Image::Text(text)) if text == "/9g="));
        let twice = [&marked[..3], marked].concat();
        assert!(!begins(&twice) && one(&twice).is_err());
        let many = many(b"\xEF\xBB\xBF{\"images\": [{\"image\": \"/9g=\"}]}", 1).expect("it is sound");
        assert_eq!(many.len(), 1);
    }

    #[test]
    fn images_are_counted_before_they_are_kept() {
        let text = |count: usize| format!("{{\"images\": [{}]}}", vec!["{}"; count].join(","));
        let code = |count, most| {
            many(text(count).as_bytes(), most).map(|items| items.len()).map_err(|error| error.problem().code)
        };
        assert_eq!((code(0, 2), code(2, 2), code(3, 2)), (Err("bad_json"), Ok(2), Err("too_many_images")));
        let long = format!("{{\"images\": [{{\"name\": \"{}\"}}]}}", "y".repeat(NAME + 1));
        assert_eq!(many(long.as_bytes(), 2).map_err(|error| error.problem().code).err(), Some("bad_json"));
        // For one image alone it would be ignored.
        let error = many(br#"{"images": [{}, {"image": "", "attempt": 3}]}"#, 2).expect_err("a parameter of the query");
        assert!(error.to_string().contains("?attempt="), "{error}");
    }

    #[test]
    fn what_is_said_of_bad_json_is_short() {
        let text = format!("{{\"image\": [\"{}\"]}}", "y".repeat(10_000));
        assert!(one(text.as_bytes()).is_err_and(|error| error.to_string().len() < 500));
        assert!(
            one(format!("\"{}\"", "y".repeat(10_000)).as_bytes()).is_err_and(|error| error.to_string().len() < 500)
        );
    }
}
