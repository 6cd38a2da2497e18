//! Tokens made and judged by Python (`tests/vectors/tokens.gen.py`) against ours; and no token
//! survives a change of any byte.

#![expect(clippy::unwrap_used, reason = "tests may unwrap")]

use mint_token::{Claims, Key, KeyRing, Validity, Verifier, mint, verify};
use serde_json::Value;

#[expect(clippy::disallowed_methods, reason = "door: the vectors are files")]
fn rows(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<_> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.len() > 50, "{name} has {} rows", rows.len());
    rows
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap()
}

fn answer(token: &str, ring: &str, name: &str, now: u64) -> String {
    let ring = KeyRing::parse(ring).unwrap();
    match verify(token, &Verifier { ring: &ring, name, now }) {
        Ok(_) => "ok".into(),
        Err(refused) => format!("{}: {refused}", refused.code()),
    }
}

#[test]
fn tokens_are_those_that_python_makes() {
    for row in rows("mint.jsonl") {
        let claims = Claims {
            name: text(&row, "n"),
            spec: text(&row, "s"),
            times: Validity {
                issued_at: row["iat"].as_u64().unwrap(),
                expires_at: row["exp"].as_u64(),
            },
            kid: row["kid"].as_str(),
        };
        let key = Key::parse(text(&row, "key")).unwrap();
        let token = mint(&key, &claims);
        assert_eq!(token.expose(), text(&row, "token"), "{row}");
        let now = claims.times.issued_at;
        assert_eq!(answer(token.expose(), text(&row, "key"), claims.name, now), "ok", "{row}");
    }
}

#[test]
fn tokens_are_judged_as_expected() {
    for row in rows("verify.jsonl") {
        let now = row["now"].as_u64().unwrap();
        let answer = answer(text(&row, "token"), text(&row, "ring"), text(&row, "name"), now);
        assert_eq!(answer, text(&row, "answer"), "{row}");
    }
}

#[test]
fn no_token_survives_a_change_of_any_byte() {
    let rows = rows("mint.jsonl");
    let row = &rows[0];
    let ring = KeyRing::parse(text(row, "key")).unwrap();
    let verifier = Verifier { ring: &ring, name: text(row, "n"), now: 0 };
    let token = text(row, "token");
    assert!(verify(token, &verifier).is_ok());
    let mut tampered = token.as_bytes().to_vec();
    for at in 0..tampered.len() {
        let whole = tampered[at];
        // ASCII, so that it stays text; other bytes never get as far as a verifier.
        for byte in (0..128).filter(|byte| *byte != whole) {
            tampered[at] = byte;
            let text = std::str::from_utf8(&tampered).unwrap();
            assert!(verify(text, &verifier).is_err(), "byte {at} may be {byte}");
        }
        tampered[at] = whole;
    }
    for end in 0..token.len() {
        assert!(verify(&token[..end], &verifier).is_err(), "the first {end} bytes are enough");
        assert!(verify(&token[end + 1..], &verifier).is_err(), "the first {end} bytes say nothing");
    }
}
