//! The client: makes calls one at a time, each with its deadline, token and exact encoding.
//!
//! Guarantees: a GET on a stale connection is sent again, once; a write is never sent twice.
//! The token reaches the wire and nothing else, parameter values the wire and the observer.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use ureq::http::{HeaderValue, Method, Request, Response, header};
use ureq::{Agent, Body, SendBody};

use crate::clock::{Clock, SystemClock};
use crate::dial::{Dialer, DnsCache};
use crate::endpoint::Endpoint;
use crate::envelope::{self, Raw};
use crate::error::{Call, Error, Unreachable};
use crate::exchange::{self, Exchange};
use crate::fields::Answer;
use crate::params::Params;
use crate::proxy::Proxies;
use crate::tls::TlsSource;
use crate::transport::io_error;

/// A call that is over, for `-v`. Its parameters may hold secrets: whoever shows one decides which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// Method and path.
    pub call: Call,
    /// The HTTP status, or `None` if no answer came.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
    /// What was sent in the query or the form.
    pub params: Params,
    /// How many bytes were sent instead, as a stream.
    pub bytes: Option<u64>,
}

/// A callback for each finished call.
pub type Observer = Arc<dyn Fn(&Traffic) + Send + Sync>;

/// A client for one Proxmox VE. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    observer: Option<Observer>,
}

struct Inner {
    endpoint: Endpoint,
    base: String,
    agent: Agent,
    clock: Arc<dyn Clock>,
}

/// How a body is sent.
pub(crate) enum Payload<'a> {
    /// As parameters: in the query of GET and DELETE, as a form in POST and PUT.
    Params(&'a Params),
    /// As a stream of exactly `length` bytes.
    Stream {
        /// Where the bytes come from.
        reader: &'a mut dyn Read,
        /// The number of bytes.
        length: u64,
        /// The `Content-Type`.
        content_type: String,
    },
}

impl Payload<'_> {
    /// Returns the parameters, or the length of a stream.
    fn sent(&self) -> (Params, Option<u64>) {
        match self {
            Self::Params(params) => ((*params).clone(), None),
            Self::Stream { length, .. } => (Params::new(), Some(*length)),
        }
    }
}

impl Client {
    /// Creates a client. Opens no connections and reads no certificate store yet.
    pub fn new(endpoint: Endpoint) -> Self {
        Self::with_clock(endpoint, Arc::new(SystemClock))
    }

    /// Creates a client that uses `clock` to read the time and to wait.
    pub fn with_clock(endpoint: Endpoint, clock: Arc<dyn Clock>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(true)
            // PVE never redirects; a redirect must not carry the token elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // PVE is on the local network: no proxy, whatever the environment says.
            .proxy(None)
            .timeout_connect(Some(endpoint.timeouts.connect))
            .timeout_resolve(Some(endpoint.timeouts.connect))
            .timeout_global(Some(endpoint.timeouts.call))
            // PVE: reference 4: pveproxy closes an idle connection after 5 s.
            .max_idle_age(Duration::from_secs(4))
            .max_idle_connections(32)
            .max_idle_connections_per_host(32)
            .user_agent(concat!("pve-pipeline/", env!("CARGO_PKG_VERSION")))
            .build();
        // The node is on the local network and its token is private: no proxy.
        let dialer = Dialer::new(TlsSource::new(endpoint.trust.clone()), Proxies::default());
        let agent = Agent::with_parts(config, dialer, DnsCache::default());
        let base = endpoint.url.base();
        Self { inner: Arc::new(Inner { endpoint, base, agent, clock }), observer: None }
    }

    /// Returns a client that reports each call to `observer`.
    #[must_use]
    pub fn with_observer(self, observer: Observer) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Returns the endpoint that the client was created with.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// Returns the client's clock.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    /// Reads. Sent again, once, if the idle connection turned out to be closed.
    pub(crate) fn get(&self, path: &str, params: &Params) -> Result<Answer, Error> {
        self.call(Method::GET, path, Payload::Params(params))
    }

    /// Writes.
    pub(crate) fn post(&self, path: &str, params: &Params) -> Result<Answer, Error> {
        self.call(Method::POST, path, Payload::Params(params))
    }

    /// Writes.
    pub(crate) fn put(&self, path: &str, params: &Params) -> Result<Answer, Error> {
        self.call(Method::PUT, path, Payload::Params(params))
    }

    /// Deletes.
    pub(crate) fn delete(&self, path: &str, params: &Params) -> Result<Answer, Error> {
        self.call(Method::DELETE, path, Payload::Params(params))
    }

    /// Makes one call and unwraps its answer.
    pub(crate) fn call(
        &self,
        method: Method,
        path: &str,
        mut payload: Payload<'_>,
    ) -> Result<Answer, Error> {
        let call = Call { method: method_name(&method), path: decoded(path) };
        let started = self.clock().now();
        let mut outcome = self.once(&method, path, &mut payload);
        if method == Method::GET
            && matches!(&outcome, Err(lost) if lost.0.sent && !lost.0.fresh && is_broken(&lost.1))
        {
            outcome = self.once(&method, path, &mut payload);
        }
        if let Some(observer) = &self.observer {
            let status = outcome.as_ref().ok().map(|raw| raw.status);
            let took = self.clock().now() - started;
            let (params, bytes) = payload.sent();
            observer(&Traffic { call: call.clone(), status, took, params, bytes });
        }
        match outcome {
            Ok(raw) => envelope::open(call.clone(), &raw).map(|whole| Answer::new(call, whole)),
            Err(lost) => Err(self.no_answer(call, lost.0, lost.1)),
        }
    }

    /// Sends a request and reads its answer, whatever the status.
    fn once(
        &self,
        method: &Method,
        path: &str,
        payload: &mut Payload<'_>,
    ) -> Result<Raw, Box<(Exchange, ureq::Error)>> {
        exchange::begin();
        let sent = self.send(method, path, payload).and_then(|mut response| {
            let status = response.status().as_u16();
            // The largest answers are lists of a few thousand VMs or volumes.
            let body = response.body_mut().with_config().limit(64 << 20).read_to_vec()?;
            Ok((status, body))
        });
        let exchange = exchange::end();
        match sent {
            Ok((status, body)) => Ok(Raw { status, reason: exchange.reason, body }),
            Err(error) => Err(Box::new((exchange, error))),
        }
    }

    /// Sends the request: query or form, exact length, token, deadlines.
    fn send(
        &self,
        method: &Method,
        path: &str,
        payload: &mut Payload<'_>,
    ) -> Result<Response<Body>, ureq::Error> {
        let Inner { agent, endpoint, base, .. } = &*self.inner;
        let mut token = HeaderValue::from_str(endpoint.token.header()).map_err(http_error)?;
        token.set_sensitive(true);
        let url = format!("{base}{path}");
        let builder = Request::builder().method(method).header(header::AUTHORIZATION, token);
        match payload {
            Payload::Params(params) if matches!(*method, Method::GET | Method::DELETE) => {
                // PVE: facts 7: a DELETE with a body is refused.
                let url =
                    if params.is_empty() { url } else { format!("{url}?{}", params.encoded()) };
                agent.run(builder.uri(url).body(()).map_err(http_error)?)
            }
            Payload::Params(params) => {
                let builder =
                    builder.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
                // The length of the body is known, so `Content-Length` is sent even if it is 0.
                agent.run(builder.uri(url).body(params.encoded()).map_err(http_error)?)
            }
            Payload::Stream { reader, length, content_type } => {
                // PVE: facts 39: chunked encoding is refused, so the length is always sent.
                let request = builder
                    .uri(url)
                    .header(header::CONTENT_TYPE, content_type.as_str())
                    .header(header::CONTENT_LENGTH, *length)
                    .body(SendBody::from_reader(*reader))
                    .map_err(http_error)?;
                // A large file may take any time; only a stalled transfer is aborted.
                let stall = endpoint.timeouts.stall;
                let config = agent.configure_request(request).timeout_global(None);
                let config = config
                    .timeout_per_write(Some(stall))
                    .timeout_recv_response(Some(stall.max(RECEIPT)))
                    .timeout_recv_body(Some(endpoint.timeouts.call));
                agent.run(config.build())
            }
        }
    }

    /// Returns the error for a call without an answer.
    fn no_answer(&self, call: Call, exchange: Exchange, error: ureq::Error) -> Error {
        if exchange.sent {
            return Error::MaybeSent { call, source: io_error(error) };
        }
        let reason = exchange.unreachable.unwrap_or_else(|| match error {
            ureq::Error::HostNotFound => self.unknown_name(),
            // A name lookup reports "not found" as an error without an OS error number.
            ureq::Error::Io(error) if error.raw_os_error().is_none() => self.unknown_name(),
            other => Unreachable::Connect { error: io_error(other) },
        });
        Error::NeverSent { endpoint: self.inner.endpoint.url.to_string(), reason }
    }

    /// Returns the error for an endpoint whose host name cannot be resolved.
    fn unknown_name(&self) -> Unreachable {
        let origin = self.inner.endpoint.url.origin();
        let host =
            origin.trim_start_matches("https://").rsplit_once(':').map_or(origin, |(host, _)| host);
        Unreachable::NameNotFound { host: host.to_owned() }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.inner.endpoint).finish_non_exhaustive()
    }
}

/// After the last byte of an upload, PVE moves the file, perhaps to another node, before it answers.
const RECEIPT: Duration = Duration::from_secs(300);

/// Returns whether a connection ended before its time. A deadline, or an answer that is too large, would be met again.
fn is_broken(error: &ureq::Error) -> bool {
    !matches!(error, ureq::Error::Timeout(_) | ureq::Error::BodyExceedsLimit(_))
}

/// Wraps an error of the http crate.
fn http_error(error: impl Into<ureq::http::Error>) -> ureq::Error {
    ureq::Error::Http(error.into())
}

/// Returns a method's name.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "DELETE",
    }
}

/// Decodes the percent-encoding of a path, for display.
pub(crate) fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}
