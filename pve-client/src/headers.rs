//! The headers of a web server's answer: which version of a file it is, which part of it
//! follows, and when to try again. Does no I/O.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use ureq::http::{HeaderMap, HeaderName, header};

/// A version of a file on a web server, from which a download can be resumed at any byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    /// The value for `If-Range`.
    pub(crate) validator: String,
    /// Length of the whole file in bytes, if the server reports it.
    length: Option<u64>,
}

impl FileVersion {
    /// Reads the version of a whole file; `None` if no header identifies it reliably.
    ///
    /// A weak ETag identifies files that are only similar, and `If-Range` must not contain one (RFC 9110, 13.1.5).
    /// A `Last-Modified` counts if it is at least a second old by the server's own clock (RFC 9110, 8.8.2.2).
    pub(crate) fn of(headers: &HeaderMap, length: Option<u64>) -> Option<Self> {
        if text(headers, &header::ACCEPT_RANGES) == Some("none") {
            return None;
        }
        let etag = text(headers, &header::ETAG).filter(|tag| is_strong(tag));
        let modified = || {
            let modified = text(headers, &header::LAST_MODIFIED)?;
            let answered = date(text(headers, &header::DATE)?)?;
            (answered.duration_since(date(modified)?).as_secs() >= 1).then_some(modified)
        };
        let validator = etag.or_else(modified)?.to_owned();
        Some(Self { validator, length })
    }

    /// Returns whether a 206 answer has the rest of this version from byte `from`.
    pub(crate) fn continues(&self, headers: &HeaderMap, from: u64, length: Option<u64>) -> bool {
        let Some((first, last, total)) =
            text(headers, &header::CONTENT_RANGE).and_then(content_range)
        else {
            return false;
        };
        let same_total = self.length.is_none() || total.is_none() || self.length == total;
        let whole = self.length.or(total);
        let to_the_end = whole.is_none_or(|whole| last.checked_add(1) == Some(whole));
        let as_long = length.is_none_or(|length| last.checked_sub(first) == length.checked_sub(1));
        first == from && same_total && to_the_end && as_long
    }
}

/// Reads `Retry-After`: seconds or a date. `now` is used if the server does not send its own time.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let wait = text(headers, &header::RETRY_AFTER)?;
    if !wait.is_empty() && wait.bytes().all(|byte| byte.is_ascii_digit()) {
        // Parsing digits can only fail if the number is too large.
        return Some(Duration::from_secs(wait.parse().unwrap_or(u64::MAX)));
    }
    let now = text(headers, &header::DATE).and_then(date).unwrap_or(now);
    // A date in the past means: try again now.
    Some(Duration::try_from(date(wait)?.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// Reads `bytes FIRST-LAST/TOTAL`; the total may be `*`.
fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((first.parse().ok()?, last.parse().ok()?, total))
}

fn is_strong(etag: &str) -> bool {
    etag.len() >= 2 && etag.starts_with('"') && etag.ends_with('"')
}

/// Reads an HTTP date in the form that servers must send (RFC 9110, 5.6.7).
fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        lines.iter().map(line).collect()
    }

    const NOON: &str = "Sun, 29 Nov 2026 12:00:00 GMT";
    const SOON: &str = "Sun, 29 Nov 2026 12:01:30 GMT";

    fn check_version(lines: &[(&'static str, &str)], expected: Option<&str>) {
        let version = FileVersion::of(&headers(lines), None);
        assert_eq!(version.map(|v| v.validator).as_deref(), expected, "{lines:?}");
    }

    #[test]
    fn only_a_strong_validator_identifies_a_version() {
        check_version(&[("etag", "\"a\""), ("last-modified", NOON)], Some("\"a\""));
        check_version(&[("etag", "W/\"a\"")], None);
        check_version(&[("etag", "\"")], None);
        check_version(&[("last-modified", NOON), ("date", SOON)], Some(NOON));
        check_version(&[("etag", "W/\"a\""), ("last-modified", NOON), ("date", SOON)], Some(NOON));
        // The file may have changed again within the second.
        check_version(&[("last-modified", NOON), ("date", NOON)], None);
        check_version(&[("last-modified", NOON)], None);
        check_version(&[("last-modified", "yesterday"), ("date", SOON)], None);
        check_version(&[("etag", "\"a\""), ("accept-ranges", "none")], None);
        check_version(&[], None);
    }

    fn check_range(range: &str, whole: Option<u64>, length: Option<u64>, expected: bool) {
        let version = FileVersion { validator: "\"a\"".to_owned(), length: whole };
        let got = version.continues(&headers(&[("content-range", range)]), 10, length);
        assert_eq!(got, expected, "{range} {whole:?} {length:?}");
    }

    #[test]
    fn only_the_requested_part_is_accepted() {
        check_range("bytes 10-19/20", Some(20), Some(10), true);
        check_range("bytes 10-19/20", None, None, true);
        check_range("bytes 10-19/*", Some(20), None, true);
        check_range("bytes 9-19/20", Some(20), Some(11), false);
        check_range("bytes 10-19/21", Some(20), Some(10), false);
        check_range("bytes 10-18/20", Some(20), Some(9), false);
        check_range("bytes 10-19/20", Some(20), Some(9), false);
        check_range("bytes 10-19/20", Some(20), Some(0), false);
        check_range("lines 10-19/20", Some(20), Some(10), false);
        check_range("bytes 10-18446744073709551615/*", Some(20), None, false);
        check_range("bytes 19-10/20", Some(20), None, false);
        check_range("", None, None, false);
    }

    fn check_wait(lines: &[(&'static str, &str)], expected: Option<u64>) {
        let now = date("Sun, 29 Nov 2026 12:01:00 GMT").unwrap();
        let wait = retry_after(&headers(lines), now);
        assert_eq!(wait, expected.map(Duration::from_secs), "{lines:?}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        check_wait(&[("retry-after", "120")], Some(120));
        check_wait(&[("retry-after", SOON)], Some(30));
        // The server's clock and ours may differ.
        check_wait(&[("retry-after", SOON), ("date", NOON)], Some(90));
        check_wait(&[("retry-after", NOON), ("date", SOON)], Some(0));
        check_wait(&[("retry-after", "99999999999999999999999")], Some(u64::MAX));
        check_wait(&[("retry-after", "")], None);
        check_wait(&[("retry-after", "+5")], None);
        check_wait(&[("retry-after", "-1")], None);
        check_wait(&[("retry-after", "soon")], None);
        check_wait(&[], None);
    }
}
