//! DOOR: the network. Resolves names and opens connections, directly or through a proxy.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout};

use crate::clock::Deadline;
use crate::error::{ProxyProblem, Unreachable};
use crate::exchange;
use crate::handshake::shake_hands;
use crate::proxy::{Proxies, Proxy};
use crate::tls::TlsSource;
use crate::transport::{Wire, io_error};
use crate::tunnel;

/// Opens connections.
#[derive(Debug)]
pub(crate) struct Dialer {
    tls: TlsSource,
    proxies: Proxies,
}

impl Dialer {
    /// Creates a dialer; opens and reads nothing yet.
    pub(crate) fn new(tls: TlsSource, proxies: Proxies) -> Self {
        Self { tls, proxies }
    }

    /// Connects, through a proxy if one is configured, and completes the TLS handshake for https; all
    /// within the connection's deadline.
    fn dial(&self, details: &ConnectionDetails<'_>) -> Result<Wire, Unreachable> {
        let deadline = Deadline::within(details.timeout.not_zero().map(|limit| *limit));
        let proxy = self.proxies.of(details.uri)?;
        let stream = match proxy {
            Some(proxy) => dial_proxy(proxy, details, &deadline)?,
            None => connect_any(&details.addrs, &deadline)
                .map_err(|error| Unreachable::Connect { error })?,
        };
        if details.needs_tls() {
            let host = details.uri.host().unwrap_or_default();
            let tls = shake_hands(&self.tls, host, &stream, &deadline)?;
            return Ok(Wire::new(stream, Some(tls), details.config, None));
        }
        let absolute = proxy.map(|proxy| (proxy.clone(), authority(details.uri, None)));
        Ok(Wire::new(stream, None, details.config, absolute))
    }
}

impl Connector<()> for Dialer {
    type Out = Wire;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Wire>, ureq::Error> {
        exchange::note(|x| x.fresh = true);
        self.dial(details).map(Some).map_err(|reason| {
            exchange::note(|x| x.unreachable = Some(reason));
            ureq::Error::ConnectionFailed
        })
    }
}

/// Connects to a proxy; for https, opens a tunnel to the server.
fn dial_proxy(
    proxy: &Proxy,
    details: &ConnectionDetails<'_>,
    deadline: &Deadline,
) -> Result<TcpStream, Unreachable> {
    let failed = |error: io::Error| Unreachable::Proxy {
        proxy: proxy.authority(),
        problem: ProxyProblem::Lost(error.to_string()),
    };
    let url: Uri = format!("http://{}/", proxy.authority())
        .parse()
        .map_err(|_| failed(io::ErrorKind::InvalidInput.into()))?;
    let addrs = DefaultResolver::default()
        .resolve(&url, details.config, details.timeout)
        .map_err(|error| failed(io_error(error)))?;
    let stream = connect_any(&addrs, deadline).map_err(failed)?;
    if details.needs_tls() {
        tunnel::open(&stream, proxy, &authority(details.uri, Some(443)), deadline)?;
    }
    Ok(stream)
}

/// Returns a URL's host and port.
fn authority(url: &Uri, usual: Option<u16>) -> String {
    let host = url.host().unwrap_or_default();
    match url.port_u16().or(usual) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Tries each address in turn, with an equal share of the remaining time.
fn connect_any(addrs: &[SocketAddr], deadline: &Deadline) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let addresses = u32::try_from(addrs.len().max(1)).unwrap_or(1);
    let share = deadline.left()?.map(|left| left / addresses);
    for addr in addrs {
        #[expect(clippy::disallowed_methods, reason = "door: the network")]
        let tried = match share {
            Some(share) => TcpStream::connect_timeout(addr, share),
            None => TcpStream::connect(addr),
        };
        match tried {
            // Head and body are two writes; without this, the second waits for the peer's acknowledgement.
            Ok(stream) => return stream.set_nodelay(true).map(|()| stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Resolves a name once for as long as no other name is asked for: ureq resolves before each call, even for an open
/// connection.
#[derive(Debug, Default)]
pub(crate) struct DnsCache {
    proxies: Proxies,
    known: Mutex<Option<(String, Vec<SocketAddr>)>>,
}

impl DnsCache {
    /// Creates an empty cache.
    pub(crate) fn new(proxies: Proxies) -> Self {
        Self { proxies, known: Mutex::default() }
    }
}

impl Resolver for DnsCache {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        // The proxy resolves the name itself; it may be unknown on this machine.
        if !matches!(self.proxies.of(uri), Ok(None)) {
            return Ok(self.empty());
        }
        let name = uri.authority().map(ToString::to_string).unwrap_or_default();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, addrs)) = known.as_ref().filter(|(of, _)| *of == name) {
            let mut found = self.empty();
            addrs.iter().for_each(|addr| found.push(*addr));
            return Ok(found);
        }
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        *known = Some((name, found.to_vec()));
        Ok(found)
    }
}
