//! Origins of web pages, as browsers write them (RFC 6454, section 6.2): anything else never matches, and is refused when it is given.

use std::str::FromStr;

use axum::http::{HeaderValue, Uri};

/// Pages that may use the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Pages of any origin, `*`.
    Any,
    /// Pages of this origin, as in `https://portal.example`.
    Exact(HeaderValue),
}

/// Why a text is no origin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It is not even like one.
    #[error(
        "an origin is a scheme, a host and, where it is not the scheme's own, a port: https://portal.example; `*` is any"
    )]
    Malformed,
    /// Browsers write it otherwise.
    #[error("browsers never send this as an origin; write {0}")]
    NotAsSent(String),
    /// `null` is what any page in a sandboxed frame sends.
    #[error("`null` is the origin of any page in a sandboxed frame; to let any page in, write `*`")]
    Null,
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        match text {
            "*" => return Ok(Self::Any),
            "null" => return Err(OriginError::Null),
            _ => {}
        }
        let uri: Uri = text.parse().map_err(|_| OriginError::Malformed)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(OriginError::Malformed);
        };
        let scheme = scheme.to_ascii_lowercase();
        let port = match (scheme.as_str(), authority.port_u16()) {
            ("http", Some(80)) | ("https", Some(443)) | (_, None) => String::new(),
            (_, Some(port)) => format!(":{port}"),
        };
        let sent = format!("{scheme}://{}{port}", authority.host().to_ascii_lowercase());
        if sent != text {
            return Err(OriginError::NotAsSent(sent));
        }
        HeaderValue::try_from(sent).map(Self::Exact).map_err(|_| OriginError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_send_is_taken() {
        for text in ["https://portal.example", "http://localhost:3000", "http://[::1]:8000", "capacitor://localhost"] {
            assert_eq!(text.parse(), Ok(Origin::Exact(HeaderValue::from_static(text))));
        }
        assert_eq!("*".parse(), Ok(Origin::Any));
    }

    #[test]
    fn what_would_never_match_is_refused_and_says_what_to_write() {
        for (text, sent) in [
            ("https://portal.example/", "https://portal.example"),
            ("https://portal.example/upload?a=b", "https://portal.example"),
            ("https://Portal.Example", "https://portal.example"),
            ("HTTPS://portal.example", "https://portal.example"),
            ("https://portal.example:443", "https://portal.example"),
            ("http://portal.example:80", "http://portal.example"),
            ("https://user:word@portal.example:8443", "https://portal.example:8443"),
        ] {
            assert_eq!(text.parse::<Origin>(), Err(OriginError::NotAsSent(sent.to_owned())), "{text}");
        }
        for text in [
            "",
            "portal.example",
            "portal.example:8080",
            "/",
            "https://",
            "https://bücher.example",
            "https://*.example",
        ] {
            let refused = text.parse::<Origin>();
            // A star within a host is no pattern to anybody.
            assert!(text.contains('*') || refused == Err(OriginError::Malformed), "{text}: {refused:?}");
        }
        assert_eq!("null".parse::<Origin>(), Err(OriginError::Null));
    }
}
