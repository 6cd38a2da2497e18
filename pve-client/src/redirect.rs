//! Where a redirect leads and what may be sent there. Does no I/O.

use ureq::http::Uri;

/// The maximum number of redirects.
pub(crate) const LIMIT: usize = 10;

/// Whether a redirect from `https://` to `http://` is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Downgrade {
    /// Allowed: the content is verified with a checksum from another source.
    Allowed,
    /// Refused: nothing else verifies the content.
    Refused,
}

/// Returns whether a status is a redirect.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Returns the URL in `Location`, without user and fragment; `None` if it is
/// not supported.
pub(crate) fn target(from: &str, location: &str) -> Option<String> {
    let location = location.trim();
    let location = location.split('#').next().unwrap_or(location);
    let base: Uri = from.parse().ok()?;
    let (scheme, authority) = (base.scheme_str()?, base.authority()?.as_str());
    let url = if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if has_scheme(location) {
        location.to_owned()
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.starts_with('?') || location.is_empty() {
        format!("{scheme}://{authority}{}{location}", base.path())
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{}", without_dots(&format!("{folder}/{location}")))
    };
    let parsed: Uri = url.parse().ok()?;
    let scheme = parsed.scheme_str().filter(|scheme| ["https", "http"].contains(scheme))?;
    // A server must not choose our credentials for another server.
    let host = parsed.authority()?.as_str().rsplit('@').next()?;
    let path = parsed.path_and_query().map_or("/", |path| path.as_str());
    Some(format!("{scheme}://{host}{path}"))
}

/// Returns whether two URLs have the same scheme, host and port: only then are credentials sent.
pub(crate) fn is_same_origin(one: &str, other: &str) -> bool {
    let origin = |url: &str| {
        let url: Uri = url.parse().ok()?;
        let scheme = url.scheme_str()?.to_owned();
        let port = url.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        Some((scheme, url.host()?.to_ascii_lowercase(), port))
    };
    origin(one).is_some_and(|one| Some(one) == origin(other))
}

/// Returns whether a redirect drops encryption.
pub(crate) fn is_downgrade(from: &str, to: &str) -> bool {
    from.starts_with("https://") && !to.starts_with("https://")
}

fn has_scheme(location: &str) -> bool {
    location.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+')
    })
}

/// Removes `.` and `..` from the path of a URL (RFC 3986, 5.2.4), but not from its query.
fn without_dots(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => _ = kept.pop(),
            other => kept.push(other),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_resolved_against_its_url() {
        for (location, expected) in [
            ("https://y/b?c#d", Some("https://y/b?c")),
            ("HTTPS://y/b", Some("https://y/b")),
            ("//y/b", Some("http://y/b")),
            ("/b", Some("http://x:1/b")),
            ("b", Some("http://x:1/d/b")),
            ("../b?u=../c", Some("http://x:1/b?u=../c")),
            ("../../../b", Some("http://x:1/b")),
            ("?c", Some("http://x:1/d/a?c")),
            ("http://me:s3cret@y", Some("http://y/")),
            ("ftp://y/b", None),
            ("file:///etc/passwd", None),
            ("https://", None),
        ] {
            let url = target("http://x:1/d/a?b", location);
            assert_eq!(url.as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn the_same_origin_has_scheme_host_and_port_in_common() {
        for (one, other, same) in [
            ("https://x/a", "https://X:443/b", true),
            ("http://x:80", "http://x/", true),
            ("http://x:1/", "http://x:2/", false),
            ("https://x/", "http://x/", false),
            ("https://x/", "https://y.x/", false),
            ("", "", false),
        ] {
            assert_eq!(is_same_origin(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn a_downgrade_is_https_to_http() {
        assert!(is_downgrade("https://x", "http://x"));
        assert!(!is_downgrade("http://x", "http://y") && !is_downgrade("http://x", "https://x"));
    }
}
