//! Renders many documents: one JSON document a line on stdin, one a line on stdout, `null` where
//! the document is refused. tests/cloudinit/roundtrip.py needs more documents than processes.

use stage::Document;
use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let mut stdout = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let filled = Document::parse(line?.as_bytes()).and_then(|mut document| {
            let _warnings = cloudinit_render::fill(&mut document, &[])?;
            Ok(document)
        });
        match filled {
            Ok(document) => serde_json::to_writer(&mut stdout, document.json())?,
            Err(_) => stdout.write_all(b"null")?,
        }
        stdout.write_all(b"\n")?;
    }
    stdout.flush()
}
