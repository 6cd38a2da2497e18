//! Tests of the parser with valid and invalid bodies.

use super::*;

const FAILED: &str = "500 upload failed at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 1370.\n";

const FILE: &str = "Content-Disposition: form-data; name=\"filename\"; filename=\"a.raw\"\r\n";

fn field(name: &str, value: &str) -> String {
    format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

/// Feeds the pieces one by one and compares fields and file, or the refusal.
fn check(pieces: &[&str], expected: &str) {
    let mut multipart = Multipart::new("B", 1 << 20, 1 << 30);
    let mut done = Ok(());
    for piece in pieces {
        done = done.and_then(|()| multipart.push(piece.as_bytes()));
    }
    let seen = match done.and_then(|()| multipart.finish()) {
        Ok((fields, upload)) => {
            let file =
                String::from_utf8_lossy(upload.bytes.as_deref().unwrap_or_default()).into_owned();
            let fields: Vec<_> = fields.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("{} [{file}]", fields.join(" "))
        }
        Err(refusal) => format!("{} {}", refusal.status, refusal.message),
    };
    assert_eq!(seen, expected, "{pieces:?}");
}

#[test]
fn parts_in_pves_order_are_accepted() {
    let head = field("content", "import")
        + &field("checksum-algorithm", "sha256")
        + &field("checksum", "ab");
    let file = format!("--B\r\n{FILE}\r\nhello\r\n--B--\r\n");
    let fields = "checksum=ab checksum-algorithm=sha256 content=import filename=a.raw [hello]";
    check(&[&head, &file], fields);
    check(&[&(head + &file)], fields);
    let typed =
        format!("--B\r\n{FILE}Content-Type: application/octet-stream\r\n\r\nhello\r\n--B--\r\n");
    check(&[&typed], "filename=a.raw [hello]");
}

#[test]
fn fields_out_of_order_are_refused_or_lost() {
    let file = format!("--B\r\n{FILE}\r\nhello\r\n--B--\r\n");
    let swapped = field("checksum", "ab") + &field("checksum-algorithm", "sha256");
    check(&[&(field("content", "import") + &swapped + &file)], "400 Bad Request");
    let after = format!("--B\r\n{FILE}\r\nhello\r\n{}--B--\r\n", field("content", "import"));
    check(
        &[&after],
        "filename=a.raw [hello\r\n--B\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\nimport]",
    );
    check(&[&format!("--B\r\nContent-Type: x/y\r\n{FILE}\r\nhello\r\n--B--\r\n")], FAILED);
    check(
        &[&file.replace("name=\"filename\"", "name=\"file\"")],
        "500 wrong field name 'file' for file upload, expected 'filename' at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 1325.\n",
    );
    check(&["no multipart at all"], FAILED);
}

#[test]
fn a_read_that_ends_inside_the_files_header_corrupts_the_file() {
    let one = "--B\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"a.raw\"";
    check(&[one, "\r\n\r\nhello\r\n--B--\r\n"], "filename=a.raw [\r\n\r\nhello]");
}

#[test]
fn large_files_are_not_kept() {
    let mut multipart = Multipart::new("B", 4, 1 << 30);
    multipart.push(format!("--B\r\n{FILE}\r\n").as_bytes()).unwrap();
    for _ in 0..1000 {
        multipart.push(&[7; 1000]).unwrap();
        assert!(multipart.buffer.len() < 2000);
    }
    multipart.push(b"\r\n--B--\r\n").unwrap();
    let (_, upload) = multipart.finish().unwrap();
    assert_eq!(
        (upload.size, upload.bytes.is_none(), upload.head.len()),
        (1_000_000, true, KEPT_HEAD)
    );
    assert_eq!(upload.sum("sha256").unwrap(), hex(&Sha256::digest(vec![7u8; 1_000_000])));
    assert_eq!(upload.sum("md5"), None);
}
