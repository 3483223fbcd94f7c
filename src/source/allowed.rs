//! The prefixes of URLs that the operator allows as sources.

use url::Url;

use crate::store::is_store;

/// Prefixes of URLs. One stands for itself and what lies below it: `https://cdn.example/a` is no prefix of `https://cdn.example/ab`.
#[derive(Clone, Debug)]
pub(super) struct Allowed(Vec<Url>);

impl Allowed {
    pub(super) fn of(prefixes: &[String]) -> Result<Self, String> {
        let parse = |text: &String| {
            let refused = |why: &str| format!("--allow-source: `{text}` {why}.");
            let url = Url::parse(text).map_err(|error| refused(&format!("is no URL ({error})")))?;
            if !is_store(&url) && !matches!(url.scheme(), "http" | "https") {
                return Err(refused(
                    "is of a kind that cannot be fetched: s3, gs, az, abfs, https or http is expected",
                ));
            }
            if !is_plain(&url) || url.query().is_some() {
                return Err(refused("has to name a host or bucket and a path, and nothing else"));
            }
            Ok(url)
        };
        prefixes.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a URL lies below a prefix.
    pub(super) fn permit(&self, url: &Url) -> bool {
        let below = |prefix: &Url| {
            let same = (prefix.scheme(), prefix.host_str(), prefix.port_or_known_default())
                == (url.scheme(), url.host_str(), url.port_or_known_default());
            let rest = url.path().strip_prefix(prefix.path());
            same && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.path().ends_with('/'))
        };
        is_plain(url) && (url.query().is_none() || !is_store(url)) && self.0.iter().any(below)
    }
}

/// A host, no user, and a path that cannot mean another one to whoever reads it: an encoded slash or dot might be taken for a plain one,
/// and servers that know parameters of a path (RFC 3986, section 3.3) read `..;a` as `..`.
fn is_plain(url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    let is_ambiguous = ["%2f", "%5c", "%2e", "%00", "\\", "..;", "..%3b"].iter().any(|part| path.contains(part));
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    has_host && url.username().is_empty() && url.password().is_none() && url.fragment().is_none() && !is_ambiguous
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_a_prefix_is_permitted_and_nothing_beside_it() {
        let prefixes = ["https://cdn.example/photos", "s3://bucket/in/", "http://[::1]:9000"].map(String::from);
        let allowed = Allowed::of(&prefixes).expect("prefixes");
        let permits = |url: &str| allowed.permit(&Url::parse(url).expect("a URL"));
        for below in [
            "https://cdn.example/photos",
            "https://cdn.example/photos/a.jpg?X-Signature=1",
            "https://CDN.example:443/photos/x/../a%20b.jpg",
            "s3://bucket/in/a.jpg",
            "http://[::1]:9000/a",
        ] {
            assert!(permits(below), "{below}");
        }
        for beside in [
            "https://cdn.example/photos-of-others/a.jpg",
            "https://cdn.example/photos/../secret",
            "https://cdn.example/photos/%2e%2e/secret",
            "https://cdn.example/photos/..%2Fsecret",
            "https://cdn.example/photos/..%5csecret",
            "https://cdn.example/photos/%252e%252e%2fsecret",
            "https://cdn.example/photos/..;/secret",
            "https://cdn.example/photos/..%3Ba=b/secret",
            "https://cdn.example/Photos/a.jpg",
            "https://cdn.example:444/photos/a.jpg",
            "http://cdn.example/photos/a.jpg",
            "https://cdn.example.evil.example/photos/a.jpg",
            "https://cdn.example@evil.example/photos/a.jpg",
            "https://user@cdn.example/photos/a.jpg",
            "https://cdn.example/photos/a.jpg#b",
            "https://evil.example/https://cdn.example/photos/",
            "s3://bucket/in",
            "s3://bucket/inside/a.jpg",
            "s3://bucket/in/../a.jpg",
            "s3://bucket/in/a.jpg?versionId=1",
            "s3://bucket2/in/a.jpg",
            "http://[::1]:9001/a",
            "file:///etc/passwd",
        ] {
            assert!(!permits(beside), "{beside}");
        }
    }

    #[test]
    fn prefixes_that_say_too_little_or_too_much_are_refused() {
        for prefix in
            ["cdn.example", "file:///photos/", "ftp://a/", "s3://", "https://u:p@a/", "https://a/?b", "https://a/#b"]
        {
            let refused = Allowed::of(&[prefix.into()]);
            assert!(refused.is_err_and(|error| error.contains(&format!("`{prefix}`"))), "{prefix}");
        }
    }
}
