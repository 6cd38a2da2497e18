//! Calls to the agent in a guest.
//!
//! Guarantees: reads only; no error and no `Debug` contains the content of a file.

use std::fmt;
use std::net::IpAddr;

use crate::agent_error::AGENT_ERROR;
use crate::client::Client;
use crate::error::Error;
use crate::fields::integer;
use crate::ids::{NodeName, Vmid};
use crate::params::Params;
use crate::qemu::vm_path;

/// A network interface as the guest agent reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentInterface {
    /// Its name in the guest.
    pub name: String,
    /// Its MAC, in lower case.
    pub mac: Option<String>,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// A file in the guest, or the start of one.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AgentFile {
    /// Its bytes; PVE reads at most 16 MiB.
    pub content: Vec<u8>,
    /// Whether the file is longer.
    pub truncated: bool,
}

impl fmt::Debug for AgentFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentFile").field("truncated", &self.truncated).finish_non_exhaustive()
    }
}

impl Client {
    /// Returns whether the guest's file systems are frozen, as during a backup: the agent then refuses most
    /// other commands.
    pub fn agent_is_frozen(&self, node: &NodeName, vmid: Vmid) -> Result<bool, Error> {
        let path = vm_path(node, vmid, &["agent", "fsfreeze-status"]);
        let answer = self.post(&path, &Params::new())?;
        Ok(answer.data().get("result").and_then(|result| result.as_str()) == Some("frozen"))
    }

    /// Returns the guest's network interfaces as its agent reports them.
    pub fn agent_interfaces(
        &self,
        node: &NodeName,
        vmid: Vmid,
    ) -> Result<Vec<AgentInterface>, Error> {
        let answer =
            self.get(&vm_path(node, vmid, &["agent", "network-get-interfaces"]), &Params::new())?;
        // PVE: reference 7: `result` may be an error object instead of a list.
        let result = answer.data().get("result");
        if let Some(text) = result.and_then(|result| result.get("error")?.get("desc")?.as_str()) {
            return Err(answer.bad(&format!("{AGENT_ERROR}{text}")));
        }
        let list = result.and_then(|result| result.as_array());
        let list = list.ok_or_else(|| answer.bad("the agent's `result` is not a list"))?;
        Ok(list.iter().filter_map(interface).collect())
    }

    /// Reads a file in the guest.
    ///
    /// # Errors
    /// [`Error::is_agent_file_missing`] when the file does not exist, [`Error::is_agent_blocked`] when
    /// the agent is not allowed to read files.
    pub fn agent_file(&self, node: &NodeName, vmid: Vmid, file: &str) -> Result<AgentFile, Error> {
        let params = Params::new().with("file", file);
        let answer = self.get(&vm_path(node, vmid, &["agent", "file-read"]), &params)?;
        let fields = answer.object()?;
        let content = fields.text("content").ok_or_else(|| answer.bad("it has no `content`"))?;
        Ok(AgentFile { content: bytes(&content), truncated: fields.flag("truncated") })
    }
}

/// Returns the bytes of a file's content.
// PVE: qemu-server, API2/Qemu/Agent.pm, file-read: Perl passes on each byte as a separate character,
// so that UTF-8 arrives encoded twice.
fn bytes(content: &str) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = content.chars().map(|c| u8::try_from(c).ok()).collect();
    bytes.unwrap_or_else(|| content.as_bytes().to_vec())
}

/// Reads one of the agent's interfaces.
fn interface(value: &serde_json::Value) -> Option<AgentInterface> {
    let address = |entry: &serde_json::Value| {
        let ip = entry.get("ip-address")?.as_str()?;
        // A link-local address may carry its zone: fe80::1%eth0.
        let ip = ip.split('%').next()?.parse().ok()?;
        Some((ip, u8::try_from(integer(entry.get("prefix")?)?).ok()?))
    };
    let addresses = value.get("ip-addresses").and_then(|list| list.as_array());
    Some(AgentInterface {
        name: value.get("name")?.as_str()?.to_owned(),
        mac: value
            .get("hardware-address")
            .and_then(|mac| mac.as_str())
            .map(str::to_ascii_lowercase),
        addresses: addresses.into_iter().flatten().filter_map(address).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agent_interface() {
        let value = serde_json::json!({"name": "eth0", "hardware-address": "02:AB:00:00:00:01", "ip-addresses": [
            {"ip-address": "10.0.0.5", "ip-address-type": "ipv4", "prefix": 24},
            {"ip-address": "fe80::1%eth0", "ip-address-type": "ipv6", "prefix": "64"},
            {"ip-address": "nonsense", "prefix": 1}]});
        let read = interface(&value).unwrap();
        assert_eq!(read.mac.as_deref(), Some("02:ab:00:00:00:01"));
        assert_eq!(
            read.addresses,
            [("10.0.0.5".parse().unwrap(), 24), ("fe80::1".parse().unwrap(), 64)]
        );
        assert_eq!(interface(&serde_json::json!({"name": "lo"})).unwrap().addresses, []);
    }

    #[test]
    fn what_perl_encodes_twice_is_decoded_once() {
        assert_eq!(bytes("caf\u{c3}\u{a9}\n"), "café\n".as_bytes());
        assert_eq!(bytes("→"), "→".as_bytes());
        assert_eq!(bytes(""), b"");
    }
}
