//! The endpoint's address and the API token. Does no I/O.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use ureq::http::Uri;

use crate::tls::Trust;

/// Everything that a client needs to connect to one Proxmox VE.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The address of the API.
    pub url: ApiUrl,
    /// The API token.
    pub token: ApiToken,
    /// Which certificates to accept.
    pub trust: Trust,
    /// The timeouts.
    pub timeouts: Timeouts,
}

/// The paths of PVE's API, which people copy along with its address.
const API_PATHS: [&str; 3] = ["/api2/json", "/api2/extjs", "/api2"];

/// The address of an API.
///
/// Accepts `https://HOST[:PORT]`, with or without the path `/api2/json`, and `HOST[:PORT]`.
/// The default port is 8006, where PVE itself listens. A reverse proxy on 443 needs its port: `https://pve:443`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl {
    origin: String,
    path: String,
}

/// The text is not the address of an API. The text itself is left out because it may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the address of a Proxmox VE API: {fault}")]
pub struct BadUrl {
    /// What is wrong.
    pub fault: &'static str,
}

impl ApiUrl {
    /// Returns scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns whether the endpoint is this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.origin.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
        host.is_some_and(|host| {
            let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
            host == "localhost" || address.is_ok_and(|address| address.is_loopback())
        })
    }

    /// Returns the full base address, with the path `/api2/json`.
    pub fn base(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }
}

impl FromStr for ApiUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let bad = |fault| BadUrl { fault };
        let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let uri: Uri = full.parse().map_err(|_| bad("`https://HOST:8006`"))?;
        if uri.scheme_str() != Some("https") {
            return Err(bad("it must start with `https://`"));
        }
        let authority = uri.authority().ok_or_else(|| bad("`https://HOST:8006`"))?;
        if authority.as_str().contains('@') {
            return Err(bad("it must not contain a user name or password"));
        }
        if !is_host(authority.host()) || uri.query().is_some() {
            return Err(bad("`https://HOST:8006`"));
        }
        // Some C libraries read 010.0.0.1 as 8.0.0.1: do not send the token there.
        let last = authority.host().rsplit('.').next().unwrap_or_default();
        let is_number = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
        if is_number && authority.host().parse::<Ipv4Addr>().is_err() {
            return Err(bad("its host is not a valid IPv4 address"));
        }
        // The http crate accepts any text as a port, and reports an invalid number as no port.
        let port = match authority.port_u16() {
            Some(port @ 1..) => port,
            None if authority.as_str() == authority.host() => 8006,
            _ => return Err(bad("its port must be a number from 1 to 65535")),
        };
        let path = uri.path().trim_end_matches('/');
        let path = API_PATHS.iter().find_map(|api| path.strip_suffix(api)).unwrap_or(path);
        Ok(Self {
            origin: format!("https://{}:{port}", authority.host()),
            path: format!("{path}/api2/json"),
        })
    }
}

/// Returns whether a host is a name or an address.
///
/// The http crate also accepts brackets in a name, and then cuts it off: the host of `z[::1]:8006` is `z[`.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|text| text.parse::<Ipv6Addr>().is_ok()),
        None => {
            let is_of_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            !host.is_empty() && host.bytes().all(is_of_name)
        }
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

/// An API token: `user@realm!name=secret`. Neither `Debug` nor any message shows the secret.
#[derive(Clone)]
pub struct ApiToken {
    id: String,
    header: zeroize::Zeroizing<String>,
}

/// The text is not an API token. The text itself is left out because it is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an API token must have the form `user@realm!name=secret`")]
pub struct BadToken;

impl ApiToken {
    /// Returns the public part: `user@realm!name`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the value of the Authorization header.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }
}

impl FromStr for ApiToken {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let text = text.trim();
        let text = text.strip_prefix("PVEAPIToken=").unwrap_or(text);
        // PVE: pve-access-control, AccessControl.pm, verify_token and $token_full_regex: a user's
        // name may contain `@`, `!` and `=`; what follows it may not.
        let (id, secret) = text.rsplit_once('=').ok_or(BadToken)?;
        let (user, name) = id.rsplit_once('!').ok_or(BadToken)?;
        let (login, realm) = user.rsplit_once('@').ok_or(BadToken)?;
        let whole = [login, realm, name, secret].iter().all(|part| !part.is_empty());
        let strange = name.contains('@') || login.contains([':', '/']);
        if !whole || strange || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(BadToken);
        }
        // PVE: facts 50; pve-http-server, APIServer/Formatter.pm, extract_auth_value: the value ends
        // at a `;`, and is then unescaped.
        let escaped = id.replace('%', "%25").replace(';', "%3B");
        Ok(Self { id: id.to_owned(), header: format!("PVEAPIToken={escaped}={secret}").into() })
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiToken").field(&self.id).finish()
    }
}

/// The timeouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For opening a connection, including the TLS handshake.
    pub connect: Duration,
    /// For a whole call, from the first byte sent to the last one read.
    pub call: Duration,
    /// For one step of a long transfer: a read or write that moves no bytes for this long aborts it.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            // PVE: reference 4: pveproxy itself gives up after 30 s with 596; we must outlast it to read that.
            call: Duration::from_secs(60),
            stall: Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, base: Option<&str>) {
        assert_eq!(text.parse::<ApiUrl>().ok().map(|url| url.base()).as_deref(), base, "{text}");
    }

    #[test]
    fn addresses() {
        let plain = Some("https://pve.lan:8006/api2/json");
        check("https://pve.lan:8006", plain);
        check("https://pve.lan:8006/", plain);
        check("https://pve.lan:8006/api2/json", plain);
        check("https://pve.lan:8006/api2/json/", plain);
        check("https://pve.lan:8006/api2/extjs", plain);
        check("https://pve.lan:8006/api2/", plain);
        check("https://pve.lan", plain);
        check("pve.lan", plain);
        check("pve.lan:443", Some("https://pve.lan:443/api2/json"));
        check("https://proxy.lan:443/pve", Some("https://proxy.lan:443/pve/api2/json"));
        check("https://[::1]:8006", Some("https://[::1]:8006/api2/json"));
        check("[::1]", Some("https://[::1]:8006/api2/json"));
        // As copied from a browser's address bar.
        check("https://pve.lan:8006/#v1:0:=qemu%2F100", plain);
    }

    #[test]
    fn refused_addresses() {
        for text in [
            "",
            "http://pve.lan:8006",
            "https://",
            "https://root:pw@pve.lan",
            "https://pve.lan:",
            "https://pve.lan:0",
            "https://pve.lan:80060",
            "https://pve.lan:eighty",
            "https:pve.lan",
            "https://pve.lan/?x=1",
            "two words",
            "https://10.0.0.256:8006",
            "010.0.0.2:8006",
            "::1",
            "https://pve[::1]:8006",
            "https://[pve]:8006",
            "https://pve!lan:8006",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        for text in [
            "https://root:hunter2@pve.lan",
            "http://root:hunter2@pve.lan",
            "root:hunter2@pve.lan:8006",
            "https://ro ot:hunter2@pve.lan/?x=@",
        ] {
            let said = text.parse::<ApiUrl>().unwrap_err();
            assert!(!format!("{said} {said:?}").contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn tokens_never_show_their_secret() {
        let token: ApiToken = "root@pam!iac=8a7e-secret".parse().unwrap();
        assert_eq!(format!("{token:?}"), r#"ApiToken("root@pam!iac")"#);
        assert_eq!(token.header(), "PVEAPIToken=root@pam!iac=8a7e-secret");
        for (text, id) in [
            ("user.name@example.com@entra!iac=s", "user.name@example.com@entra!iac"),
            ("a!b=c@pve!iac=s", "a!b=c@pve!iac"),
        ] {
            assert_eq!(text.parse::<ApiToken>().unwrap().id(), id);
        }
        let token: ApiToken = "a;b%41@pve!iac=s".parse().unwrap();
        assert_eq!(token.header(), "PVEAPIToken=a%3Bb%2541@pve!iac=s");
        for text in [
            "",
            "a@pve!iac@x=secret",
            "a:b@pve!iac=secret",
            "a/b@pve!iac=secret",
            "root@pam!iac",
            "root@pam=secret",
            "root!iac=secret",
            "root@pam!iac=",
            "root@pam!iac=a b",
        ] {
            assert_eq!(text.parse::<ApiToken>().err(), Some(BadToken), "{text}");
        }
    }
}
