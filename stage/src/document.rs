//! `Document`: the tfvars JSON that travels through the pipe, unchanged.
//!
//! A stage sets its own fields and leaves all others alone, even unknown ones: the document stays a
//! valid `-var-file` for the OpenTofu module that it comes from.
//! DOOR: [`Document::from_stdin`] and [`Document::from_stdin_if_any`] read stdin; the rest does no I/O.

use crate::failure::Failure;
use crate::report::{Entry, Place};
use serde_json::{Map, Value};
use std::io::{IsTerminal, Read, Write};

/// The maximum size of a document in bytes: enough for 20,000 VMs with their seeds.
const LARGEST: u64 = 256 << 20;

/// The document as JSON, with its keys in their original order and its values unchanged.
///
/// `vms` may contain anything until [`crate::Deployment::read`] has checked it.
#[derive(Clone, Default, PartialEq)]
pub struct Document {
    json: Map<String, Value>,
}

impl Document {
    /// Reads stdin to its end and parses it.
    ///
    /// # Errors
    /// stdin is a terminal, is empty, is larger than 256 MiB, cannot be read, or is not a JSON
    /// object.
    pub fn from_stdin() -> Result<Self, Failure> {
        let stdin = std::io::stdin().lock();
        if stdin.is_terminal() {
            return Err(Entry::error(
                "terminal-input",
                Place::input(""),
                "expected a document, found a terminal",
            )
            .hint("pipe the output of the previous stage into it")
            .into());
        }
        Self::parse(&read_at_most(LARGEST, stdin)?)
    }

    /// Reads and parses stdin where it holds a document; `None` for a terminal and for an empty stdin.
    ///
    /// # Errors
    /// stdin is larger than 256 MiB, cannot be read, or holds something other than a JSON object.
    pub fn from_stdin_if_any() -> Result<Option<Self>, Failure> {
        let stdin = std::io::stdin().lock();
        if stdin.is_terminal() {
            return Ok(None);
        }
        let bytes = read_at_most(LARGEST, stdin)?;
        if bytes.trim_ascii().is_empty() { Ok(None) } else { Self::parse(&bytes).map(Some) }
    }

    /// Parses a document.
    ///
    /// # Errors
    /// The bytes are empty or not a JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        if bytes.trim_ascii().is_empty() {
            // The previous stage has reported why it printed nothing.
            return Err(Entry::aftermath("no-document", Place::input(""), "no document").into());
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(json)) => Ok(Self { json }),
            Ok(_) => Err(Entry::error(
                "not-an-object",
                Place::input(""),
                "the document must be a JSON object",
            )
            .into()),
            Err(e) => {
                Err(Entry::error("not-json", Place::input(""), "is not JSON").cause(&e).into())
            }
        }
    }

    /// Wraps the fields of a new document, for `resolve`.
    pub fn from_json(json: Map<String, Value>) -> Self {
        Self { json }
    }

    /// Returns the fields.
    pub fn json(&self) -> &Map<String, Value> {
        &self.json
    }

    /// Sets a top-level field; a new one is added at the end.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.json.insert(key.to_owned(), value.into());
    }

    /// Sets a field of the VM at `index`, if there is such a VM.
    pub fn set_in_vm(&mut self, index: usize, key: &str, value: impl Into<Value>) {
        if let Some(vm) = self.vm(index) {
            vm.insert(key.to_owned(), value.into());
        }
    }

    /// Removes a field of the VM at `index`, if it exists.
    pub fn remove_in_vm(&mut self, index: usize, key: &str) {
        if let Some(vm) = self.vm(index) {
            vm.shift_remove(key);
        }
    }

    fn vm(&mut self, index: usize) -> Option<&mut Map<String, Value>> {
        self.json.get_mut("vms")?.as_array_mut()?.get_mut(index)?.as_object_mut()
    }

    /// Writes the document in its printed form: indented by two spaces, with a newline at the end.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, mut to: impl Write) -> std::io::Result<()> {
        serde_json::to_writer_pretty(&mut to, &self.json)?;
        to.write_all(b"\n")
    }

    /// Returns the document in its printed form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing a map of JSON values into memory cannot fail.
        let _ = self.write(&mut bytes);
        bytes
    }
}

/// Reads to the end, but at most `limit` bytes, so that an endless stream cannot fill the memory.
fn read_at_most(limit: u64, stream: impl Read) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    stream
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Entry::error("unreadable", Place::input(""), "cannot be read").cause(&e))?;
    if bytes.len() as u64 > limit {
        let fact = format!("is larger than {} MiB", limit >> 20);
        return Err(Entry::error("too-large", Place::input(""), fact).into());
    }
    Ok(bytes)
}

impl std::fmt::Debug for Document {
    /// Shows the field names and hides the values: the document contains secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.json.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Deployment;

    #[test]
    fn unknown_fields_pass_untouched_and_in_order() {
        let text = r#"{"z":1.0,"a":{"y":[null,1e3]},"vms":[{"name":"x","own":true}]}"#;
        let mut document = Document::parse(text.as_bytes()).unwrap();
        document.set_in_vm(0, "auth_token", "");
        document.set_in_vm(7, "auth_token", "");
        document.set_in_vm(0, "mine", "");
        document.remove_in_vm(0, "mine");
        document.remove_in_vm(7, "name");
        let compact = serde_json::to_string(document.json()).unwrap();
        let expected =
            r#"{"z":1.0,"a":{"y":[null,1000.0]},"vms":[{"name":"x","own":true,"auth_token":""}]}"#;
        assert_eq!(compact, expected);
    }

    #[test]
    fn a_deployment_is_printed_as_its_document_is() {
        let text =
            r#"{"node":"pve","vms":[{"name":"a","config":{"cores":2,"net0":{"tag":null}}}]}"#;
        let document = Document::parse(text.as_bytes()).unwrap();
        let bytes = Deployment::read(&document).0.to_bytes().unwrap();
        assert_eq!(Document::parse(&bytes).unwrap().to_bytes(), bytes);
    }

    #[test]
    fn a_stream_without_end_is_refused() {
        let read = |bytes: &[u8]| read_at_most(4, bytes).map_err(|e| e.report().clone());
        assert_eq!(read(b"1234"), Ok(b"1234".to_vec()));
        assert!(read(b"12345").is_err());
        let endless = read_at_most(1 << 20, std::io::repeat(b' ')).unwrap_err();
        assert_eq!(endless.report().entries()[0].fact, "is larger than 1 MiB");
    }

    #[test]
    fn invalid_documents_are_refused() {
        for bytes in ["", " \n", "[]", "{", "nul", "\u{feff}{}"] {
            assert!(Document::parse(bytes.as_bytes()).is_err(), "{bytes:?}");
        }
    }
}
