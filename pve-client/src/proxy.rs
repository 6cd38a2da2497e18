//! The HTTP proxies from the environment, and which of them a URL uses. Does no I/O.
//!
//! Only downloads from web servers use a proxy; calls to PVE's API are direct.
//! Why ureq reads a proxy's URL and does not use it: docs/decisions/0012.

use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::BASE64;
use ipnet::IpNet;
use ureq::ProxyProtocol;
use ureq::http::Uri;
use zeroize::Zeroizing;

use crate::error::{ProxyProblem, Unreachable};

/// The proxies for downloads, read from the environment as curl does.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    http: Option<Variable>,
    https: Option<Variable>,
    direct: Arc<[NoProxyEntry]>,
}

/// A variable's name and its value.
type Variable = (String, Result<Proxy, ProxyProblem>);

/// An HTTP proxy. ureq's `Debug` hides its credentials.
#[derive(Debug, Clone)]
pub(crate) struct Proxy(ureq::Proxy);

/// An entry in NO_PROXY.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NoProxyEntry {
    /// `*`: every host.
    All,
    /// A domain and all its subdomains.
    Name(String),
    /// An address or a network.
    Network(IpNet),
}

impl Proxies {
    /// Reads the usual variables, lower case first: `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`.
    ///
    /// An invalid value is an error only when a URL would use it.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| {
            let names = [name.to_ascii_lowercase(), name.to_owned()];
            names.into_iter().find_map(|name| {
                let value = variable(&name).filter(|value| !value.trim().is_empty())?;
                Some((name, value))
            })
        };
        let proxy = |name| {
            let (name, value) = either(name).or_else(|| either("ALL_PROXY"))?;
            Some((name, Proxy::parse(value.trim())))
        };
        let direct = either("NO_PROXY").map(|(_, value)| value).unwrap_or_default();
        let entries = direct.split([',', ' ']).filter_map(NoProxyEntry::parse);
        Self { http: proxy("HTTP_PROXY"), https: proxy("HTTPS_PROXY"), direct: entries.collect() }
    }

    /// Returns the proxy for a URL; `None` for a direct connection.
    pub(crate) fn of(&self, url: &Uri) -> Result<Option<&Proxy>, Unreachable> {
        let named = if url.scheme_str() == Some("https") { &self.https } else { &self.http };
        let Some((variable, proxy)) = named else { return Ok(None) };
        let host = bare(url.host().unwrap_or_default()).to_ascii_lowercase();
        if self.direct.iter().any(|direct| direct.matches(&host)) {
            return Ok(None);
        }
        proxy.as_ref().map(Some).map_err(|problem| Unreachable::Proxy {
            proxy: variable.clone(),
            problem: problem.clone(),
        })
    }
}

impl Proxy {
    /// Parses `http://user:password@host:port`; everything but the host is optional.
    fn parse(text: &str) -> Result<Self, ProxyProblem> {
        let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let proxy = ureq::Proxy::new(&url).map_err(|_| ProxyProblem::NotHttp)?;
        // ureq takes a port that is not a number for the default one.
        let has_port = proxy.uri().port_u16().is_some();
        let authority = proxy.uri().authority().map(ToString::to_string).unwrap_or_default();
        let is_valid = !proxy.host().is_empty() && (has_port || authority.ends_with(proxy.host()));
        if proxy.protocol() != ProxyProtocol::Http || !is_valid {
            return Err(ProxyProblem::NotHttp);
        }
        Ok(Self(proxy))
    }

    /// Returns its host and port.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.0.host(), self.0.port())
    }

    /// Returns the head of a CONNECT request to `target`, a host and port.
    pub(crate) fn connect_head(&self, target: &str) -> Zeroizing<String> {
        let authorization = self.authorization();
        let head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{}\r\n", *authorization);
        Zeroizing::new(head)
    }

    /// Rewrites the first bytes of a request for a proxy: the first line gets the whole URL.
    pub(crate) fn absolute(&self, request: &[u8], target: &str) -> Zeroizing<Vec<u8>> {
        let space = request.iter().position(|byte| *byte == b' ').map_or(0, |at| at + 1);
        let line = request.windows(2).position(|two| two == b"\r\n").map_or(0, |at| at + 2);
        let authorization = self.authorization();
        let parts: [&[u8]; 6] = [
            &request[..space],
            b"http://",
            target.as_bytes(),
            &request[space..line],
            authorization.as_bytes(),
            &request[line..],
        ];
        Zeroizing::new(parts.concat())
    }

    /// Returns the authorization header; empty if the proxy needs none.
    fn authorization(&self) -> Zeroizing<String> {
        let password = self.0.password().unwrap_or_default();
        let line = self.0.username().map(|user| {
            let plain = Zeroizing::new(format!("{user}:{password}"));
            format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(plain.as_bytes()))
        });
        Zeroizing::new(line.unwrap_or_default())
    }
}

impl NoProxyEntry {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        // `.example.com` and `*.example.com` mean what `example.com` does, as in curl.
        let name = text.trim_start_matches('*').trim_start_matches('.');
        let address = bare(name).parse::<IpAddr>().map(IpNet::from);
        if let Ok(network) = address.or_else(|_| name.parse()) {
            return Some(Self::Network(network));
        }
        (!name.is_empty() && !name.contains('/')).then(|| Self::Name(name.to_ascii_lowercase()))
    }

    /// Returns whether the entry matches a lower-case host.
    fn matches(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Name(name) => host
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            Self::Network(network) => {
                host.parse::<IpAddr>().is_ok_and(|address| network.contains(&address))
            }
        }
    }
}

/// Returns an address without its brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Returns the value of an `Authorization` header for percent-encoded `user:password`.
pub(crate) fn basic(user: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(Vec::with_capacity(user.len() + 1));
    let mut rest = user.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        plain.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    if !user.contains(':') {
        plain.push(b':');
    }
    Zeroizing::new(format!("Basic {}", BASE64.encode(&plain)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let value = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        Proxies::from_variables(|name| value(name).map(str::to_owned))
    }

    fn check(variables: &[(&str, &str)], url: &str, expected: Option<&str>) {
        let proxies = proxies(variables);
        let proxy = proxies.of(&url.parse().unwrap()).unwrap();
        assert_eq!(proxy.map(Proxy::authority).as_deref(), expected, "{variables:?} {url}");
    }

    #[test]
    fn the_variables_are_read_as_curl_reads_them() {
        let both = [("HTTPS_PROXY", "http://s:3128"), ("http_proxy", "p:8080/")];
        check(&both, "https://x/a", Some("s:3128"));
        check(&both, "http://x/a", Some("p:8080"));
        check(&[("HTTPS_PROXY", "big"), ("https_proxy", "small")], "https://x/", Some("small:80"));
        check(&[("all_proxy", "http://[fd00::1]:3128")], "https://x/", Some("[fd00::1]:3128"));
        check(&[("HTTP_PROXY", "p:1")], "https://x/", None);
        check(&[("HTTPS_PROXY", " "), ("https_proxy", "")], "https://x/", None);
        check(&[], "https://x/", None);
    }

    #[test]
    fn no_proxy_lists_hosts_with_direct_connections() {
        let host = |no: &str, host: &str, direct: bool| {
            let expected = (!direct).then_some("p:1");
            check(
                &[("https_proxy", "p:1"), ("NO_PROXY", no)],
                &format!("https://{host}/a"),
                expected,
            );
        };
        for (no, name) in
            [("*", "x"), ("a,Example.COM", "example.com"), (".example.com", "a.example.com")]
        {
            host(no, name, true);
        }
        host("*.example.com b", "example.com", true);
        host("10.0.0.0/8, fd00::/8", "10.255.1.2:8006", true);
        host("10.0.0.0/8, fd00::/8", "[fd12::1]", true);
        host("127.0.0.1", "127.0.0.1", true);
        for (no, name) in [
            ("example.com", "notexample.com"),
            ("10.0.0.0/8", "11.0.0.1"),
            ("10.0.0.0/x,,", "10.0.0.1"),
        ] {
            host(no, name, false);
        }
    }

    #[test]
    fn an_invalid_proxy_is_reported_without_its_value() {
        for value in [
            "socks5://u:s3cret@p",
            "https://u:s3cret@p:1",
            "http://",
            "u:s3cret@p:port",
            "u:s3cret@",
        ] {
            let proxies = proxies(&[("https_proxy", value)]);
            let error = proxies.of(&"https://x/".parse().unwrap()).unwrap_err();
            let text = format!("{error} {proxies:?} {error:?}");
            assert!(text.contains("https_proxy") && !text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn only_the_proxy_gets_its_credentials() {
        let proxies = proxies(&[("http_proxy", "http://us%40er:s3%3acret@p:1")]);
        assert!(!format!("{proxies:?}").contains("s3"), "{proxies:?}");
        let proxy = proxies.of(&"http://x/".parse().unwrap()).unwrap().unwrap();
        let header = "Proxy-Authorization: Basic dXNAZXI6czM6Y3JldA==\r\n";
        assert_eq!(
            *proxy.connect_head("x:443"),
            format!("CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n{header}\r\n")
        );
        let sent = proxy.absolute(b"GET /a?b HTTP/1.1\r\nhost: x\r\n\r\n", "x");
        let expected = format!("GET http://x/a?b HTTP/1.1\r\n{header}host: x\r\n\r\n");
        assert_eq!(String::from_utf8_lossy(&sent), expected);
    }
}
