//! A plain GET of a file from a web server: images, and their checksum files. No token goes along.

use std::io::{self, Read};
use std::time::Duration;

use ureq::Agent;

use crate::error::Unreachable;
use crate::exchange;
use crate::tls::{TlsSource, Trust};
use crate::transport::{Dialer, NameBook, io_error};

/// Fetches files from web servers.
#[derive(Debug, Clone)]
pub struct Fetcher {
    agent: Agent,
}

/// A file that is being fetched.
pub struct Fetched {
    /// Its length, when the server says it.
    pub length: Option<u64>,
    /// Its bytes.
    pub reader: Box<dyn Read>,
}

/// Why a file could not be fetched. The texts leave the URL to the message around them.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL is none that can be fetched.
    #[error("\"{url}\" must be an `https://` or `http://` URL")]
    BadUrl {
        /// The URL as it was given.
        url: String,
    },
    /// The server cannot be reached.
    #[error("the server cannot be reached")]
    Unreachable {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        reason: Unreachable,
    },
    /// The server has another answer than the file.
    #[error("the server answers with status {status}")]
    Status {
        /// The URL.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The connection broke.
    #[error("the answer was lost")]
    Lost {
        /// The URL.
        url: String,
        /// What happened to the connection.
        #[source]
        source: io::Error,
    },
}

impl Fetcher {
    /// Makes a fetcher. `stall` ends a transfer that moves nothing for so long.
    pub fn new(trust: Trust, stall: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(10)
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(15)))
            .timeout_recv_response(Some(stall))
            .timeout_per_read(Some(stall))
            .user_agent(concat!("pve-pipeline/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: Agent::with_parts(
                config,
                Dialer::new(TlsSource::new(trust)),
                NameBook::default(),
            ),
        }
    }

    /// Asks for a file and returns its bytes as they come.
    pub fn get(&self, url: &str) -> Result<Fetched, FetchError> {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(FetchError::BadUrl { url: url.to_owned() });
        }
        exchange::begin();
        let answer = self.agent.get(url).header("Accept-Encoding", "identity").call();
        let notes = exchange::end();
        let url = || url.to_owned();
        let response = match answer {
            Ok(response) => response,
            Err(ureq::Error::BadUri(_) | ureq::Error::Http(_)) => {
                return Err(FetchError::BadUrl { url: url() });
            }
            Err(error) => {
                return Err(match (notes.unreachable, notes.sent) {
                    (Some(reason), _) => FetchError::Unreachable { url: url(), reason },
                    (None, false) => FetchError::Unreachable {
                        url: url(),
                        reason: Unreachable::Connect { error: io_error(error) },
                    },
                    (None, true) => FetchError::Lost { url: url(), source: io_error(error) },
                });
            }
        };
        let status = response.status().as_u16();
        if status != 200 {
            return Err(FetchError::Status { url: url(), status });
        }
        let body = response.into_body();
        let length = body.content_length();
        let reader = body.into_with_config().limit(u64::MAX).reader();
        Ok(Fetched { length, reader: Box::new(Plain(reader)) })
    }
}

/// Passes bytes on, and says in words what breaks them off.
struct Plain<R>(R);

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| io_error(ureq::Error::from(error)))
    }
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched").field("length", &self.length).finish_non_exhaustive()
    }
}
