//! Uploads: complete, refused half-way, or of a file that changes.

use std::io::Read;
use std::time::Duration;

use pve_client::{Client, Error, Upid, Upload};

use crate::server::{Server, Step, answer, ok};
use crate::{UPID, client, endpoint, node, pinned};

/// A file of zeros that counts the bytes read.
struct Zeros {
    left: u64,
    read: u64,
}

impl Read for Zeros {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = buffer.len().min(usize::try_from(self.left).unwrap());
        buffer[..n].fill(0);
        self.left -= n as u64;
        self.read += n as u64;
        Ok(n)
    }
}

const BIG: u64 = 256 << 20;

fn upload(server: &Server, length: u64, reader: &mut dyn Read) -> Result<Upid, Error> {
    upload_by(&client(server), length, reader)
}

fn upload_by(client: &Client, length: u64, reader: &mut dyn Read) -> Result<Upid, Error> {
    let sha256 = "ab".repeat(32);
    let upload = Upload { content: "import", filename: "a.raw", length, sha256: &sha256 };
    client.upload(&node(), &"local".parse().unwrap(), &upload, reader, &mut |_| {})
}

#[test]
fn a_refused_upload_has_a_reason_although_the_peer_closes() {
    let refusal = "HTTP/1.1 403 Permission check failed (/storage/local, Datastore.AllocateTemplate)\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start(vec![vec![Step::AnswerEarly(100_000, refusal.to_owned())]]);
    let mut file = Zeros { left: BIG, read: 0 };
    let error = upload(&server, BIG, &mut file).unwrap_err();
    let message = error.refusal().map(|r| r.message.as_str());
    assert_eq!(
        message,
        Some("Permission check failed (/storage/local, Datastore.AllocateTemplate)"),
        "{error:?}"
    );
    assert!(file.read < BIG, "the rest of the file was read in vain");
}

#[test]
fn a_refused_upload_has_a_reason_although_the_peer_stops_reading() {
    let server = Server::start(vec![vec![Step::AnswerEarlyAndWait(
        100_000,
        answer(
            "400 Parameter verification failed.",
            r#"{"data":null,"errors":{"filename":"wrong extension"}}"#,
        ),
    )]]);
    let error = upload(&server, BIG, &mut Zeros { left: BIG, read: 0 }).unwrap_err();
    let refusal = error.refusal().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(refusal.errors["filename"], "wrong extension");
}

#[test]
fn an_upload_arrives_with_its_exact_length() {
    let server = Server::start(vec![vec![ok(&format!(r#"{{"data":"{UPID}"}}"#))]]);
    upload(&server, 300_000, &mut Zeros { left: 300_000, read: 0 }).unwrap();
    let request = server.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let length = format!("content-length: {}", body.len());
    assert!(head.to_lowercase().contains(&length), "{head}");
    assert!(head.contains("multipart/form-data; boundary="), "{head}");
    assert_eq!(body.matches('\0').count(), 300_000);
}

#[test]
fn a_file_that_shrinks_during_the_upload_is_a_source_error() {
    let server = Server::start(vec![vec![Step::Drop]]);
    let error = upload(&server, 300_000, &mut Zeros { left: 200_000, read: 0 }).unwrap_err();
    assert!(matches!(error, Error::Source { .. }), "{error:?}");
}

#[test]
fn half_an_answer_to_an_upload_times_out() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":".to_owned();
    let server = Server::start(vec![vec![Step::AnswerEarlyAndWait(usize::MAX, half)]]);
    let mut endpoint = endpoint(&server, pinned(&server));
    endpoint.timeouts.call = Duration::from_millis(300);
    let error = upload_by(&Client::new(endpoint), 5, &mut &b"image"[..]).unwrap_err();
    assert!(matches!(error, Error::MaybeSent { .. }), "{error:?}");
}

#[test]
fn a_refusal_of_a_blocked_upload_is_read() {
    let refusal = answer("400 wrong extension", "");
    let server = Server::start(vec![vec![Step::AnswerLateAndWait(100_000, refusal)]]);
    let mut endpoint = endpoint(&server, pinned(&server));
    endpoint.timeouts.stall = Duration::from_secs(2);
    let mut file = Zeros { left: BIG, read: 0 };
    let error = upload_by(&Client::new(endpoint), BIG, &mut file).unwrap_err();
    assert_eq!(error.refusal().map(|r| r.message.as_str()), Some("wrong extension"), "{error:?}");
}
