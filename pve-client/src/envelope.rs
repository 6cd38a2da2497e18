//! Turns the status, reason phrase and bytes of an answer into its data, or into PVE's refusal. Does no I/O.

use serde_json::Value;

use crate::error::{Call, Error, Refusal};
use crate::fields::map_of;

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Raw {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The text after the status: for 401, 403 and 501, the only place where PVE gives the reason.
    pub(crate) reason: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// Unwraps an answer: the whole JSON object of a success (`data` and its siblings), or the refusal.
pub(crate) fn open(call: Call, raw: &Raw) -> Result<Value, Error> {
    let json = serde_json::from_slice::<Value>(&raw.body).ok();
    if !(200..300).contains(&raw.status) {
        return Err(Error::Status(Box::new(refusal(call, raw, json.as_ref()))));
    }
    match json {
        Some(json) if json.get("data").is_some() => Ok(json),
        Some(_) => Err(Error::BadAnswer { call, what: "it has no `data`".to_owned() }),
        None => Err(Error::BadAnswer {
            call,
            what: "it is not JSON; is this a Proxmox VE API?".to_owned(),
        }),
    }
}

/// Collects PVE's reasons for a refusal from all the places where it may put them.
fn refusal(call: Call, raw: &Raw, json: Option<&Value>) -> Refusal {
    let errors = json.and_then(|json| json.get("errors")?.as_object()).into_iter().flatten();
    let errors = map_of(errors.map(|(name, text)| {
        let reason = text.as_str().map_or_else(|| text.to_string(), |t| t.trim_end().to_owned());
        (name.clone(), reason)
    }));
    let said = json.and_then(|json| json.get("message")?.as_str()).unwrap_or_default();
    // PVE: facts 2 and 3: the body's message may have several lines, the status line only the first;
    // 401, 403 and 501 have no JSON at all, and PVE before 8.4 has no `message`.
    let message = [said, raw.reason.as_str(), plain_text(raw, json)]
        .into_iter()
        .map(str::trim_end)
        .find(|text| !text.is_empty())
        .unwrap_or_default()
        .to_owned();
    Refusal { call, status: raw.status, message, errors }
}

/// Returns the body if it is a short text and not a web page.
fn plain_text<'a>(raw: &'a Raw, json: Option<&Value>) -> &'a str {
    match std::str::from_utf8(&raw.body) {
        Ok(text) if json.is_none() && text.len() <= 2000 && !text.trim_start().starts_with('<') => {
            text
        }
        _ => "",
    }
}

/// Extracts the reason phrase from a status line.
pub(crate) fn reason_of(status_line: &[u8]) -> String {
    let line = String::from_utf8_lossy(status_line);
    line.trim_end().splitn(3, ' ').nth(2).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(status: u16, reason: &str, body: &str) -> Result<Value, Error> {
        let call = Call { method: "GET", path: "/version".to_owned() };
        open(call, &Raw { status, reason: reason.to_owned(), body: body.as_bytes().to_vec() })
    }

    fn check_refused(status: u16, reason: &str, body: &str, message: &str) -> Refusal {
        let error = opened(status, reason, body).unwrap_err();
        let refusal = error.refusal().unwrap().clone();
        assert_eq!((refusal.status, refusal.message.as_str()), (status, message));
        refusal
    }

    #[test]
    fn a_success_keeps_the_siblings_of_data() {
        let answer = opened(200, "OK", r#"{"data":null,"total":7}"#).unwrap();
        assert_eq!(answer["total"], 7);
    }

    #[test]
    fn the_body_takes_precedence_over_the_status_line() {
        check_refused(
            500,
            "first line",
            "{\"data\":null,\"message\":\"first line\\nsecond\\n\"}",
            "first line\nsecond",
        );
        check_refused(500, "only here", r#"{"data":null}"#, "only here");
    }

    #[test]
    fn an_answer_without_json_uses_its_status_line() {
        check_refused(401, "No ticket", "", "No ticket");
        check_refused(
            403,
            "Permission check failed (/storage/local, Datastore.AllocateTemplate)",
            "",
            "Permission check failed (/storage/local, Datastore.AllocateTemplate)",
        );
        check_refused(
            501,
            "",
            "Unexpected content for method 'DELETE'",
            "Unexpected content for method 'DELETE'",
        );
        check_refused(502, "", "<html>Bad Gateway</html>", "");
    }

    #[test]
    fn parameter_errors_are_kept_by_name() {
        let body = r#"{"errors":{"vmid":"invalid format\n"},"data":null,"message":"Parameter verification failed.\n"}"#;
        let refusal = check_refused(
            400,
            "Parameter verification failed.",
            body,
            "Parameter verification failed.",
        );
        assert_eq!(refusal.errors["vmid"], "invalid format");
        assert_eq!(
            refusal.to_string(),
            "GET /version was refused with status 400: Parameter verification failed.; vmid: invalid format"
        );
    }

    #[test]
    fn a_malformed_success_is_an_error() {
        assert!(matches!(opened(200, "OK", "<html>"), Err(Error::BadAnswer { .. })));
        assert!(matches!(opened(200, "OK", "{}"), Err(Error::BadAnswer { .. })));
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..proptest::test_runner::Config::default() })]

        #[test]
        fn any_answer_becomes_data_or_an_error(
            status in 100_u16..1000,
            reason in ".{0,20}",
            body in "(\\{\"(data|message|errors)\":(null|1|\"x\"|\\[\\]|\\{\"a\":[1\"]\\}),?.{0,9}|.{0,9})",
        ) {
            match opened(status, &reason, &body) {
                Ok(whole) => assert!(status / 100 == 2 && whole.get("data").is_some()),
                Err(error) => assert_eq!(error.status().is_some(), status / 100 != 2),
            }
        }
    }

    #[test]
    fn reason_phrases() {
        assert_eq!(
            reason_of(b"HTTP/1.1 500 VM 100 is running - destroy failed\r\n"),
            "VM 100 is running - destroy failed"
        );
        assert_eq!(reason_of(b"HTTP/1.1 200\r\n"), "");
    }
}
