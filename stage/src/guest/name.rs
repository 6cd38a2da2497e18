//! `HostName`: a guest's host name, derived from the VM's name. Does no I/O.

use super::host_name;

/// The host name of a guest.
///
/// It is the VM's name in lower case, up to the first dot. A name with dots is also the full name; a
/// name without dots has a full name only with a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    /// The VM's name in lower case, dots included.
    whole: String,
}

/// Returns the host name that a VM's name becomes.
///
/// # Errors
/// The name cannot be a host name.
pub fn host_name_of(name: &str) -> Result<HostName, &'static str> {
    host_name(name)?;
    let host = HostName { whole: name.to_ascii_lowercase() };
    if host.label() == "localhost" {
        return Err("must not be localhost: programs resolve that to the machine they run on");
    }
    if name.parse::<std::net::IpAddr>().is_ok() {
        return Err("must not be an IP address: programs would not treat it as a name");
    }
    Ok(host)
}

impl HostName {
    /// Returns the host name: the first label.
    pub fn label(&self) -> &str {
        self.whole.split('.').next().unwrap_or_default()
    }

    /// Returns the whole VM name in lower case: the host name in meta-data, where the domain is not
    /// known yet.
    pub fn whole(&self) -> &str {
        &self.whole
    }

    /// Returns the full name, or `None` without a domain, be it in the name or in `domain`.
    pub fn full(&self, domain: Option<&str>) -> Option<String> {
        if self.whole.contains('.') {
            return Some(self.whole.clone());
        }
        domain.map(|domain| format!("{}.{domain}", self.whole))
    }
}

#[cfg(test)]
mod tests {
    use super::host_name_of;

    #[test]
    fn a_name_becomes_a_host_name() {
        for (name, domain, label, full) in [
            ("edge", None, "edge", None),
            ("edge", Some("lan"), "edge", Some("edge.lan")),
            ("Web-1", Some("lan"), "web-1", Some("web-1.lan")),
            ("DB.Example.com", Some("lan"), "db", Some("db.example.com")),
            ("3cx", None, "3cx", None),
            ("100", None, "100", None),
        ] {
            let host = host_name_of(name).unwrap();
            assert_eq!((host.label(), host.full(domain).as_deref()), (label, full), "{name}");
            assert_eq!(host.whole(), name.to_lowercase());
        }
    }

    #[test]
    fn what_no_machine_can_be_called_is_refused() {
        let long = "a".repeat(64);
        for name in ["", "a_b", "-a", "a.", "a..b", "é", "LocalHost", "localhost.lan", "10.0.0.5"]
        {
            assert!(host_name_of(name).is_err(), "{name}");
        }
        assert!(host_name_of(&long).is_err());
    }
}
