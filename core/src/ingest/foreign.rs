//! What people send instead of a photo in a format that is read, told from its first bytes, and what to send instead: a refusal that
//! names both is one that the sender can act on.

use super::sniff::is_avif;

/// Something that is no photo in a format that is read.
#[derive(Debug, PartialEq, Eq)]
pub struct Foreign {
    /// What it is, with its article.
    pub name: &'static str,
    /// What to send instead.
    pub remedy: &'static str,
}

const CONVERT: &str = "save it as JPEG, PNG or WebP";
const RENDER: &str = "render it as an image";
const FRAME: &str = "send one of its frames as an image";
const BINARY: &str = "send the bytes of the file itself, not a text that encodes them";
const FILE: &str = "send the image itself, as the body or as the part `image` of a form";
const AS_JSON: &str = "send the image itself, or name JSON in the request: `Content-Type: application/json`";
const UNPACK: &str = "unpack it and send each image by itself";

/// Names what `bytes` are, where they are known and no photo in a format that is read.
#[must_use]
pub fn foreign(bytes: &[u8]) -> Option<&'static Foreign> {
    binary(bytes).or_else(|| text(bytes))
}

/// Declares a [`Foreign`] where it is named.
macro_rules! is {
    ($name:literal, $remedy:ident) => {
        Some(&Foreign { name: $name, remedy: $remedy })
    };
}

fn binary(bytes: &[u8]) -> Option<&'static Foreign> {
    match bytes {
        // ISO base media files (ISO/IEC 14496-12): the brand tells what is in them.
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4)? {
            _ if is_avif(bytes) => is!("an AVIF image", CONVERT),
            b"crx " => is!("a camera's raw image", CONVERT),
            _ => is!("a video", FRAME),
        },
        [0xFF, 0x0A, ..] | [0, 0, 0, 0x0C, b'J', b'X', b'L', b' ', ..] => is!("a JPEG XL image", CONVERT),
        [0xFF, 0x4F, 0xFF, 0x51, ..] | [0, 0, 0, 0x0C, b'j', b'P', b' ', b' ', ..] => is!("a JPEG 2000 image", CONVERT),
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => is!("a TIFF or a camera's raw image", CONVERT),
        [0, 0, 1, 0, ..] => is!("an icon", CONVERT),
        [b'8', b'B', b'P', b'S', ..] => is!("a Photoshop document", CONVERT),
        [b'%', b'P', b'D', b'F', b'-', ..] => is!("a PDF document", RENDER),
        [0x1A, 0x45, 0xDF, 0xA3, ..] | [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => {
            is!("a video", FRAME)
        }
        [b'P', b'K', 3, 4, ..] => is!("a ZIP archive", UNPACK),
        [0x1F, 0x8B, ..] => is!("compressed by gzip", UNPACK),
        _ => None,
    }
}

/// What a text is, by how it begins.
fn text(bytes: &[u8]) -> Option<&'static Foreign> {
    const LOOKED_AT: usize = 512;
    let head = &bytes[..bytes.len().min(LOOKED_AT)];
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let begins = |with: &str| head.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()));
    let holds = |what: &str| head.windows(what.len()).any(|part| part.eq_ignore_ascii_case(what.as_bytes()));
    if begins("data:") {
        return is!("a data URL", BINARY);
    }
    if begins("http://") || begins("https://") {
        return is!("the URL of an image", FILE);
    }
    if begins("<svg") || begins("<?xml") && holds("<svg") {
        return is!("an SVG drawing", RENDER);
    }
    if begins("<!doctype html") || begins("<html") {
        return is!("a web page", FILE);
    }
    if begins("--") && holds("content-disposition") {
        return is!("a form without the header `Content-Type: multipart/form-data; boundary=...`", FILE);
    }
    if begins("{") || begins("[") || begins("\"") {
        return is!("JSON", AS_JSON);
    }
    // How JPEG, PNG, GIF and WebP begin in base64.
    if ["/9j/", "iVBORw0KGgo", "R0lGOD", "UklGR"].iter().any(|start| head.starts_with(start.as_bytes())) {
        return is!("an image in base64", BINARY);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::sniff;

    #[test]
    fn what_people_send_instead_of_a_photo_is_named() {
        let named = |bytes: &[u8]| foreign(bytes).map(|foreign| foreign.name);
        for (bytes, name) in [
            (&b"\0\0\0\x1cftypavif"[..], "an AVIF image"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "an AVIF image"),
            (b"\0\0\0\x20ftypisom", "a video"),
            (b"\x1A\x45\xDF\xA3\x9F", "a video"),
            (b"RIFF\x24\0\0\0AVI LIST", "a video"),
            (b"\xFF\x0A\xFA", "a JPEG XL image"),
            (b"\0\0\0\x0CJXL \r\n\x87\n", "a JPEG XL image"),
            (b"II*\0\x08\0\0\0", "a TIFF or a camera's raw image"),
            (b"MM\0*\0\0\0\x08", "a TIFF or a camera's raw image"),
            (b"%PDF-1.7\n", "a PDF document"),
            (b"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "an SVG drawing"),
            (b"\xEF\xBB\xBF  <SVG/>", "an SVG drawing"),
            (b"<!DOCTYPE html><title>Not found</title>", "a web page"),
            (b"data:image/jpeg;base64,/9j/4AAQ", "a data URL"),
            (b"/9j/4AAQSkZJRg", "an image in base64"),
            (b" {\"image\": \"/9j/4AAQ\"}", "JSON"),
            (b"https://portal.example/photo.jpg", "the URL of an image"),
            (b"PK\x03\x04", "a ZIP archive"),
        ] {
            assert_eq!(named(bytes), Some(name), "{}", bytes.escape_ascii());
            let read = cfg!(feature = "avif") && name == "an AVIF image";
            assert_eq!(sniff(bytes).is_some(), read, "{}", bytes.escape_ascii());
        }
        let form = b"--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n";
        assert!(named(form).is_some_and(|name| name.contains("multipart/form-data")));
    }

    #[test]
    fn what_is_not_known_gets_no_name() {
        for bytes in
            [&b""[..], b"just some text", b"\0\0\0\x18ftyp", b"RIFF\x24\0\0\0WAVE", b"<?xml version=\"1.0\"?><a/>"]
        {
            assert_eq!(foreign(bytes), None, "{}", bytes.escape_ascii());
        }
    }
}
