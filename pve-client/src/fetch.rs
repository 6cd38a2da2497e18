//! A plain GET of a file from a web server: images and their checksum files. Sends no token.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{Response, header};
use ureq::{Agent, Body};

use crate::clock;
use crate::dial::{Dialer, DnsCache};
use crate::error::{ProxyProblem, Unreachable};
use crate::exchange;
use crate::headers::{self, FileVersion};
use crate::proxy::{Proxies, basic};
use crate::redirect::{self, Downgrade};
use crate::tls::{TlsSource, Trust};
use crate::transport::io_error;

/// Fetches files from web servers.
#[derive(Debug, Clone)]
pub struct Fetcher {
    agent: Agent,
    proxies: Proxies,
}

/// A file that is being fetched.
pub struct Fetched {
    /// The length of the whole file in bytes, if the server reports it.
    pub length: Option<u64>,
    /// Which version of the file it is; `None` if the download cannot be resumed.
    pub version: Option<FileVersion>,
    /// Its bytes.
    pub reader: Box<dyn Read>,
}

/// Why a file could not be fetched. The texts do not contain the URL, which may have a password.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL is not `https://` or `http://`.
    #[error("must be an `https://` or `http://` URL")]
    BadUrl,
    /// The server cannot be reached.
    #[error("the server cannot be reached")]
    Unreachable(#[source] Unreachable),
    /// The server answered without the file.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The server is busy: 429, 502, 503 or 504.
    #[error("the server answered with status {status}")]
    Busy {
        /// The status.
        status: u16,
        /// The wait that the server asks for, from `Retry-After`.
        wait: Option<Duration>,
    },
    /// A redirect leads from `https://` to `http://` and that is refused.
    #[error(
        "the server redirects from https:// to http://, where anyone on the network can change the answer"
    )]
    Downgrade,
    /// A redirect leads to an unsupported URL.
    #[error("the server redirects to an address that is not an `https://` or `http://` URL")]
    BadRedirect,
    /// There are too many redirects in a row.
    #[error("too many redirects")]
    TooManyRedirects,
    /// The connection broke.
    #[error("the answer was lost")]
    Lost(#[source] io::Error),
}

impl Fetcher {
    /// Creates a fetcher. A transfer that moves no bytes for `stall` is aborted.
    pub fn new(trust: Trust, stall: Duration, proxies: &Proxies) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Redirects are followed here: ureq forwards credentials to another port of the same host.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // ureq would open a tunnel through a proxy even to port 80, which most refuse; see `dial`.
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(15)))
            .timeout_recv_response(Some(stall))
            .timeout_per_read(Some(stall))
            .user_agent(concat!("pve-pipeline/", env!("CARGO_PKG_VERSION")))
            .build();
        let dialer = Dialer::new(TlsSource::new(trust), proxies.clone());
        let names = DnsCache::new(proxies.clone());
        Self { agent: Agent::with_parts(config, dialer, names), proxies: proxies.clone() }
    }

    /// Requests a file and returns its bytes as they arrive.
    ///
    /// A `user:password@` in the URL is sent only to its own scheme, host and port, even across redirects.
    pub fn get(&self, url: &str, downgrade: Downgrade) -> Result<Fetched, FetchError> {
        let (url, response) = self.follow(url, downgrade, None)?;
        if response.status() != 200 {
            return Err(self.refused(&url, &response));
        }
        let length = response.body().content_length();
        let version = FileVersion::of(response.headers(), length);
        Ok(Fetched { length, version, reader: bytes(response) })
    }

    /// Requests the rest of a file from byte `from`, as [`Self::get`] does for the whole.
    ///
    /// Returns `None` if the server cannot resume this version: the file has changed, or
    /// the server only sends whole files.
    pub fn resume(
        &self,
        url: &str,
        downgrade: Downgrade,
        version: &FileVersion,
        from: u64,
    ) -> Result<Option<Box<dyn Read>>, FetchError> {
        let (url, response) = self.follow(url, downgrade, Some((version, from)))?;
        let length = response.body().content_length();
        match response.status().as_u16() {
            206 if version.continues(response.headers(), from, length) => Ok(Some(bytes(response))),
            // 416: the file has become shorter (RFC 9110, 15.5.17).
            200 | 206 | 412 | 416 => Ok(None),
            _ => Err(self.refused(&url, &response)),
        }
    }

    /// Sends the request and follows redirects; returns the last URL and its answer.
    fn follow(
        &self,
        url: &str,
        downgrade: Downgrade,
        rest: Option<(&FileVersion, u64)>,
    ) -> Result<(String, Response<Body>), FetchError> {
        let (first, user) = split_credentials(url).ok_or(FetchError::BadUrl)?;
        let mut url = first.clone();
        for _ in 0..=redirect::LIMIT {
            let user = user.filter(|_| redirect::is_same_origin(&first, &url));
            let response = self.ask(&url, user, rest)?;
            let status = response.status().as_u16();
            let location = response.headers().get(header::LOCATION);
            if let Some(location) = location.filter(|_| redirect::is_redirect(status)) {
                let location = location.to_str().ok();
                let next = location.and_then(|location| redirect::target(&url, location));
                let next = next.ok_or(FetchError::BadRedirect)?;
                if downgrade == Downgrade::Refused && redirect::is_downgrade(&url, &next) {
                    return Err(FetchError::Downgrade);
                }
                url = next;
                continue;
            }
            return Ok((url, response));
        }
        Err(FetchError::TooManyRedirects)
    }

    /// Makes one request.
    fn ask(
        &self,
        url: &str,
        user: Option<&str>,
        rest: Option<(&FileVersion, u64)>,
    ) -> Result<Response<Body>, FetchError> {
        let mut request = self.agent.get(url).header("Accept-Encoding", "identity");
        if let Some(user) = user {
            request = request.header("Authorization", &*basic(user));
        }
        if let Some((version, from)) = rest {
            let range = format!("bytes={from}-");
            request = request.header("Range", range).header("If-Range", &*version.validator);
        }
        exchange::begin();
        let answer = request.call();
        let notes = exchange::end();
        answer.map_err(|error| match (error, notes.unreachable, notes.sent) {
            (ureq::Error::BadUri(_) | ureq::Error::Http(_), ..) => FetchError::BadUrl,
            (_, Some(reason), _) => FetchError::Unreachable(reason),
            (error, None, false) => {
                FetchError::Unreachable(Unreachable::Connect { error: io_error(error) })
            }
            (error, None, true) => FetchError::Lost(io_error(error)),
        })
    }

    /// Returns the error for an answer without the file.
    fn refused(&self, url: &str, response: &Response<Body>) -> FetchError {
        let status = response.status().as_u16();
        if status == 407
            && let Ok(Some(proxy)) = url.parse().map_or(Ok(None), |url| self.proxies.of(&url))
        {
            return FetchError::Unreachable(Unreachable::Proxy {
                proxy: proxy.authority(),
                problem: ProxyProblem::Status(status),
            });
        }
        match status {
            429 | 502 | 503 | 504 => {
                let wait = headers::retry_after(response.headers(), clock::timestamp());
                FetchError::Busy { status, wait }
            }
            _ => FetchError::Status(status),
        }
    }
}

/// Returns the bytes of an answer as they arrive.
fn bytes(response: Response<Body>) -> Box<dyn Read> {
    Box::new(BodyReader(response.into_body().into_with_config().limit(u64::MAX).reader()))
}

/// Splits `user:password@` from a web server's URL; `None` for any other URL.
fn split_credentials(url: &str) -> Option<(String, Option<&str>)> {
    let (scheme, rest) = url.split_once("://")?;
    if !["https", "http"].contains(&scheme) {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((user, host)) => Some((format!("{scheme}://{host}{}", &rest[end..]), Some(user))),
        None => Some((url.to_owned(), None)),
    }
}

/// Passes bytes on and turns ureq's errors into readable ones.
struct BodyReader<R>(R);

impl<R: Read> Read for BodyReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| io_error(ureq::Error::from(error)))
    }
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched").field("length", &self.length).finish_non_exhaustive()
    }
}
