//! Replaces what differs from run to run by what stays: ports, UPIDs, nonces, uuids, fingerprints.

/// Returns the text with the changing parts replaced.
pub(super) fn text(text: &str) -> String {
    let text = after(text, "127.0.0.1:", |c| c.is_ascii_digit(), "PORT");
    let text = after(&text, "run=", |c| c.is_ascii_hexdigit(), "NONCE");
    let text = after(&text, "last set by run ", |c| c.is_ascii_hexdigit(), "NONCE");
    durations(&fingerprints(&uuids(&seeds(&upids(&text)))))
}

/// How long a run took, at the end of its last line: ` in 41 s`, ` in 3 min 5 s`.
fn durations(text: &str) -> String {
    let line = |line: &str| -> String {
        let is_time = |words: &[&str]| matches!(words, [n, "s"] | [_, "min", n, "s"] if n.parse::<u32>().is_ok());
        match line.trim_end_matches('\n').rsplit_once(" in ") {
            Some((before, time)) if is_time(&time.split(' ').collect::<Vec<_>>()) => {
                let end = if line.ends_with('\n') { "\n" } else { "" };
                format!("{before} in N s{end}")
            }
            _ => line.to_owned(),
        }
    };
    text.split_inclusive('\n').map(line).collect()
}

/// A seed's file ends with the nonce of the run that has uploaded it: `pve-pipeline-seed_KEY_VM_RUN.raw`.
fn seeds(text: &str) -> String {
    const MARK: &str = "pve-pipeline-seed_";
    let mut pieces = text.split(MARK);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out.push_str(MARK);
        let run = |end: usize| {
            let (name, rest) = piece.split_at(end);
            let (head, run) = name.rsplit_once('_')?;
            let is_nonce = run.len() == 16 && run.bytes().all(|b| b.is_ascii_hexdigit());
            is_nonce.then(|| format!("{head}_NONCE{rest}"))
        };
        let stamped = piece.find(".raw").and_then(run);
        out.push_str(stamped.as_deref().unwrap_or(piece));
    }
    out
}

/// A uuid that a run has drawn; those that a world is written with begin with ones.
fn uuids(text: &str) -> String {
    const LENGTH: usize = 36;
    let mut pieces = text.split("uuid=");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out.push_str("uuid=");
        let drawn = piece.get(..LENGTH).filter(|uuid| {
            uuid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
                && !uuid.starts_with("11111111")
        });
        out.push_str(drawn.map_or("", |_| "UUID"));
        out.push_str(if drawn.is_some() { &piece[LENGTH..] } else { piece });
    }
    out
}

/// Bytes as text that can be compared and checked in: other than UTF-8, a sum of them.
pub(super) fn lossless(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text.to_owned(),
        _ => {
            let sum = Sha256::digest(bytes);
            let hex: String = sum.iter().map(|b| format!("{b:02x}")).collect();
            format!("{} bytes, sha256 {hex}\n", bytes.len())
        }
    }
}

/// Replaces the run of characters that `part` accepts behind each `mark`.
fn after(text: &str, mark: &str, part: fn(char) -> bool, by: &str) -> String {
    let mut pieces = text.split(mark);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(part);
        out.push_str(mark);
        out.push_str(if rest.len() < piece.len() { by } else { "" });
        out.push_str(rest);
    }
    out
}

/// `UPID:node:PID:PSTART:START:type:id:user:` keeps what a reader wants of it.
fn upids(text: &str) -> String {
    let mut pieces = text.split("UPID:");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let mut fields = piece.splitn(5, ':');
        let node = fields.next().unwrap_or_default();
        let numbers: Vec<&str> = fields.by_ref().take(3).collect();
        let hex = |n: &&str| n.len() >= 8 && n.chars().all(|c| c.is_ascii_hexdigit());
        match fields.next() {
            Some(rest) if numbers.iter().all(hex) => {
                out.push_str(&format!("UPID:{node}:PID:PSTART:START:{rest}"));
            }
            _ => out.push_str(&format!("UPID:{piece}")),
        }
    }
    out
}

/// 32 pairs of hexadecimal digits with colons: the simulator has a new certificate each time.
fn fingerprints(text: &str) -> String {
    const LENGTH: usize = 32 * 3 - 1;
    let bytes = text.as_bytes();
    let is_fingerprint = |window: &[u8]| {
        window.iter().enumerate().all(|(i, b)| match i % 3 {
            2 => *b == b':',
            _ => b.is_ascii_hexdigit(),
        })
    };
    match bytes.windows(LENGTH).position(is_fingerprint) {
        Some(at) => {
            format!("{}FINGERPRINT{}", &text[..at], fingerprints(&text[at + LENGTH..]))
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    fn check(given: &str, expected: &str) {
        assert_eq!(text(given), expected);
    }

    #[test]
    fn changing_parts_are_replaced() {
        check("at 127.0.0.1:40213/x, 127.0.0.1: y", "at 127.0.0.1:PORT/x, 127.0.0.1: y");
        check("vm=a run=0af3 seed=1", "vm=a run=NONCE seed=1");
        check(
            "x_seed pve-pipeline-seed_0a_db_0123456789abcdef.raw.",
            "x_seed pve-pipeline-seed_0a_db_NONCE.raw.",
        );
        check("pve-pipeline-seed_0a_db_dead.raw", "pve-pipeline-seed_0a_db_dead.raw");
        check("uuid=0b9ea5a2-0e3a-4f4e-9d5e-1f6a3a1f0c11 x", "uuid=UUID x");
        check(
            "uuid=11111111-2222-4333-8444-000000000101,a",
            "uuid=11111111-2222-4333-8444-000000000101,a",
        );
        let upid = "UPID:pve1:0003A1F2:01C9D0E4:68FF2B10:qmcreate:100:a@pve!b:";
        check(upid, "UPID:pve1:PID:PSTART:START:qmcreate:100:a@pve!b:");
        check("UPID: x", "UPID: x");
        check("a in 41 s\nb in 3 min 5 s\nwithin 3 s\n", "a in N s\nb in N s\nwithin 3 s\n");
        check(&format!("is {}.", ["AB"; 32].join(":")), "is FINGERPRINT.");
    }
}
