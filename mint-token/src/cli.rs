//! The command line of `mint-token`.
//!
//! DOOR: reads the environment (`SOURCE_DATE_EPOCH`, `HOMESTAK_SIGNING_KEY`) and the clock.

use crate::KeySource;
use crate::key::KeyText;
use crate::manual::MANUAL;
use crate::token::Validity;
use clap::{Args, Parser, Subcommand};
use stage::{ConsoleArgs, Entry, Failure, OwnArgs, Place, variable};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Give each VM of the document its provisioning token
///
/// Reads the document on stdin and prints it with `auth_token` set: a token for each VM that has a
/// `spec` or a `boot_scenario` if `spec_server` is set, an empty text for the others.
#[derive(Parser, Debug)]
#[command(version = stage::VERSION, max_term_width = 100, after_long_help = MANUAL.help())]
pub struct Cli {
    /// How tokens are made.
    #[command(flatten)]
    pub token: OwnArgs<TokenArgs>,
    /// What to do instead of filling a document.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How messages are written.
    #[command(flatten)]
    pub console: ConsoleArgs,
}

impl AsRef<ConsoleArgs> for Cli {
    fn as_ref(&self) -> &ConsoleArgs {
        &self.console
    }
}

/// What `mint-token` does with a single token or key.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Print one token
    Mint(MintArgs),
    /// Print the claims of the token on stdin without checking its signature
    Inspect(InspectArgs),
    /// Check the token on stdin as a server does, and print its claims
    Verify(VerifyArgs),
    /// Print a new signing key of 256 bits
    Keygen,
}

/// `mint-token mint`.
#[derive(Args, Debug)]
pub struct MintArgs {
    /// Name of the VM
    #[arg(long, help_heading = "Token", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub name: String,
    /// Spec that the VM may fetch
    #[arg(long, help_heading = "Token", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub spec: String,
    /// How the token is made.
    #[command(flatten)]
    pub token: TokenArgs,
}

/// `mint-token inspect`.
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// Print the claims as JSON, as they stand in the token
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// `mint-token verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Name of the VM that presents the token
    #[arg(long, help_heading = "Token")]
    pub name: String,
    /// Time at which to check the token, in seconds since 1970 [default: now]
    #[arg(long, value_name = "SECONDS", help_heading = "Token")]
    pub at: Option<u64>,
    /// Print the claims as JSON, as they stand in the token
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// The keys that are trusted.
    #[command(flatten)]
    pub key: KeyArgs,
}

impl VerifyArgs {
    /// The time at which the token is judged.
    pub(crate) fn now(&self) -> Result<u64, Failure> {
        self.at.map_or_else(now, Ok)
    }
}

/// How tokens are made.
#[derive(Args, Debug)]
#[command(next_help_heading = "Token")]
pub struct TokenArgs {
    /// Sign with the key of this name, and name it in the token
    #[arg(long, value_name = "NAME")]
    pub kid: Option<String>,
    /// Time of issue, in seconds since 1970 [default: now]
    ///
    /// $SOURCE_DATE_EPOCH, if set, is used instead of the clock.
    #[arg(long, value_name = "SECONDS")]
    pub issued_at: Option<u64>,
    /// Time until the token expires, such as 90s, 15m or 30d [default: never]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub ttl: Option<u64>,
    /// The key that signs.
    // Last: its heading would stand above what follows.
    #[command(flatten)]
    pub key: KeyArgs,
}

impl TokenArgs {
    /// Time of issue and of expiry.
    pub(crate) fn times(&self) -> Result<Validity, Failure> {
        let issued_at = match (self.issued_at, variable("SOURCE_DATE_EPOCH")) {
            (Some(at), _) => at,
            (None, Some(text)) => epoch(&text)?,
            (None, None) => now()?,
        };
        let expires_at = self.ttl.map(|ttl| issued_at.saturating_add(ttl));
        Ok(Validity { issued_at, expires_at })
    }
}

/// Where the signing key comes from. It is never an argument: arguments are seen by every user
/// of the machine.
#[derive(Args, Debug)]
#[command(next_help_heading = "Signing key [default: $HOMESTAK_SIGNING_KEY]")]
pub struct KeyArgs {
    /// Read `auth.signing_key` from secrets.yaml in this directory
    ///
    /// secrets.yaml.enc, and a secrets.yaml that is encrypted, are decrypted with SOPS.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["key_file", "key_fd"])]
    pub site: Option<PathBuf>,
    /// Read keys from this file, one `HEX` or `NAME=HEX` per line
    ///
    /// The first key signs unless --kid names another.
    /// The file must not be readable by others.
    #[arg(long, value_name = "FILE", conflicts_with = "key_fd")]
    pub key_file: Option<PathBuf>,
    /// Read keys from this open file descriptor, 3 or above
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(3..))]
    pub key_fd: Option<u32>,
}

impl KeyArgs {
    pub(crate) fn source(&self) -> KeySource {
        if let Some(folder) = &self.site {
            KeySource::Site(folder.clone())
        } else if let Some(file) = &self.key_file {
            KeySource::File(file.clone())
        } else if let Some(number) = self.key_fd {
            KeySource::Descriptor(number)
        } else if let Some(text) = variable("HOMESTAK_SIGNING_KEY") {
            KeySource::Environment(KeyText::new(text.into_string().unwrap_or_default()))
        } else {
            KeySource::None
        }
    }
}

fn epoch(text: &OsString) -> Result<u64, Failure> {
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    seconds.ok_or_else(|| {
        let place = Place::Named("SOURCE_DATE_EPOCH".into());
        Entry::error("invalid-value", place, "must be a whole number of seconds since 1970").into()
    })
}

#[expect(clippy::disallowed_methods, reason = "door: the clock is read here")]
fn now() -> Result<u64, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let early = |_| Entry::error("clock", Place::Named("clock".into()), "is before 1970").into();
    since.map(|since| since.as_secs()).map_err(early)
}

/// Reads `90`, `90s`, `15m`, `12h` or `30d` as seconds.
fn duration(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("the unit must be s, m, h or d".into()),
    };
    let number: Option<u64> = digits.parse().ok().filter(|n| *n > 0);
    let seconds = number.and_then(|n| n.checked_mul(unit));
    seconds.ok_or_else(|| "must be a whole number above 0, with a unit or none for seconds".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in
            [("90", 90), ("90s", 90), ("15m", 900), ("12h", 43_200), ("1d", 86_400)]
        {
            assert_eq!(duration(text), Ok(expected));
        }
        for text in
            ["", "0", "-1", "1.5h", "1w", "d", "1 d", "99999999999999999999", "213503982334602d"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_clock_is_the_systems() {
        // This line is older than any run of it; a token issued in 1970 would never be young.
        assert!(now().is_ok_and(|now| now > 1_760_000_000));
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
