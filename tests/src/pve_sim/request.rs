//! Parses a request: head, target, form, JSON.
//! A pure module: does no I/O.
// PVE: pve-http-server, APIServer/AnyEvent.pm.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::Refusal;
use super::params::Params;

/// Line and headers of a request.
#[derive(Debug, Default, Clone)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// Path with query, as sent.
    pub(crate) target: String,
    /// Lower-case names.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Head {
    /// Reads the text before the blank line.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let words: Vec<&str> = first.split(' ').collect();
        let [method, target, version] = words[..] else {
            return Err(Refusal::plain(400, "bad request"));
        };
        if !version.starts_with("HTTP/1.") {
            let text = format!("http protocol version {version} not supported");
            return Err(Refusal::plain(506, text));
        }
        let mut headers = BTreeMap::new();
        for line in lines {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| Refusal::plain(506, "unable to parse request header"))?;
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        Ok(Self { method: method.to_owned(), target: target.to_owned(), headers })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Returns the host that the client called, without the port.
    pub(crate) fn host(&self) -> &str {
        let host = self.header("host").unwrap_or_default();
        host.rsplit_once(':').map_or(host, |(host, _)| host)
    }

    /// Returns the unescaped path below `/api2/json`, and the query as sent.
    pub(crate) fn api_path(&self) -> Option<(String, String)> {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let path = unescape(path);
        let rest = path.strip_prefix("/api2/json")?;
        Some((rest.trim_end_matches('/').to_owned(), query.to_owned()))
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// Returns token ID and secret from the Authorization header (facts 50).
    pub(crate) fn token(&self) -> Option<(String, String)> {
        let header = self.header("authorization")?;
        let rest = header.strip_prefix("PVEAPIToken")?;
        let rest = rest.strip_prefix(['=', ' '])?;
        let value = unescape(rest.split(';').next().unwrap_or_default());
        // PVE: AccessControl.pm, verify_token: a malformed token is an invalid one.
        // It splits at the last `=`: a user's name may contain one.
        let (id, secret) = value.rsplit_once('=').unwrap_or((&value, ""));
        Some((id.to_owned(), secret.to_owned()))
    }

    /// Media type and boundary.
    pub(crate) fn content_type(&self) -> (String, Option<String>) {
        let header = self.header("content-type").unwrap_or_default();
        let mut parts = header.split([';', ',']).map(str::trim);
        let kind = parts.next().unwrap_or_default().to_owned();
        let boundary = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            (name.trim() == "boundary").then(|| value.trim().to_owned())
        });
        (kind, boundary)
    }
}

/// Decodes percent-encoding, but leaves `+` alone.
pub(crate) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Decodes a form, split at `&` and `;`, with `+` as a space (facts 12).
pub(crate) fn decode_form(text: &str) -> Params {
    let mut params = Params::default();
    for pair in text.split(['&', ';']).filter(|pair| !pair.is_empty()) {
        let mut parts = pair.split('=');
        let clean = |part: &str| unescape(&part.replace('+', " "));
        let (Some(key), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        put(&mut params, clean(key), clean(value));
    }
    params
}

fn put(params: &mut Params, key: String, value: String) {
    match params.0.get_mut(&key) {
        Some(old) => *old = format!("{old}\0{value}"),
        None => {
            params.0.insert(key, value);
        }
    }
}

/// Decodes a JSON body; `true` and `false` become 1 and 0 (facts 9).
pub(crate) fn decode_json(body: &[u8]) -> Result<Params, Refusal> {
    let bad = || {
        Refusal::plain(
            500,
            "malformed JSON string, neither tag, array, object, number, string or atom",
        )
    };
    let value: Value = serde_json::from_slice(body).map_err(|_| bad())?;
    let Value::Object(object) = value else {
        return Err(bad());
    };
    let mut params = Params::default();
    for (key, value) in object {
        match value {
            Value::Null => {}
            Value::Array(items) => {
                for item in items {
                    put(&mut params, key.clone(), scalar(&item));
                }
            }
            other => put(&mut params, key, scalar(&other)),
        }
    }
    Ok(params)
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Bool(set) => u8::from(*set).to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: &str, expected: &[(&str, &str)]) {
        let seen = decode_form(form);
        let seen: Vec<_> = seen.0.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(seen, expected, "{form}");
    }

    #[test]
    fn forms_are_decoded_as_pve_does() {
        check("size=+512M", &[("size", " 512M")]);
        check("size=%2B512M", &[("size", "+512M")]);
        check("a=1;b=2&c=3", &[("a", "1"), ("b", "2"), ("c", "3")]);
        check("net0=virtio=x", &[("net0", "virtio")]);
        check("net0=virtio%3Dx%2Cbridge%3Dy", &[("net0", "virtio=x,bridge=y")]);
        check("a=1&a=2", &[("a", "1\x002")]);
    }

    #[test]
    fn the_token_header_may_use_an_equals_sign_or_a_space() {
        let token = |header: &str| {
            let text = format!("GET / HTTP/1.1\r\nAuthorization: {header}");
            Head::parse(&text).unwrap().token()
        };
        let good = Some(("u@pve!t".to_owned(), "secret".to_owned()));
        assert_eq!(token("PVEAPIToken=u@pve!t=secret"), good);
        assert_eq!(token("PVEAPIToken u@pve!t=secret"), good);
        assert_eq!(token("PVEAPIToken:u@pve!t=secret"), None);
        assert_eq!(token("Basic abc"), None);
        let odd = Some(("a=b!c;d@corp@pve!t".to_owned(), "secret".to_owned()));
        assert_eq!(token("PVEAPIToken=a=b!c%3Bd@corp@pve!t=secret"), odd);
    }
}
