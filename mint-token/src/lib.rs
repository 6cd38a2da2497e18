//! Adds a provisioning token to each VM of the document that has a `spec` or a `boot_scenario`. Also mints, shows and
//! verifies single tokens.
//!
//! The token's bytes are those that existing servers verify: docs/tokens.md.

mod cli;
mod filter;
mod key;
mod keygen;
mod load;
mod manual;
mod secrets;
mod show;
mod token;
mod verify;

pub use cli::Cli;
pub use key::{Key, KeyRing, KeyText};
pub use manual::MANUAL;
pub use token::{Claims, Token, Validity, mint};
pub use verify::{Payload, Verifier, VerifyError, read_unverified, verify};

use cli::{Command, InspectArgs, MintArgs, TokenArgs, VerifyArgs};
use load::KeySource;
use stage::{Console, Document, Entry, Failure, Output, Place, Report};

/// Runs the tool: as a filter of the document, or one of its subcommands.
///
/// # Errors
/// The key, the document or the token is invalid.
pub fn run(cli: Cli, _console: &Console) -> Result<Output, Failure> {
    match cli.command {
        None => filter(&cli.token.0),
        Some(Command::Mint(args)) => mint_one(&args),
        Some(Command::Inspect(args)) => inspect(&args),
        Some(Command::Verify(args)) => check(&args),
        Some(Command::Keygen) => keygen::print(),
    }
}

fn filter(args: &TokenArgs) -> Result<Output, Failure> {
    let mut document = Document::from_stdin()?;
    let due = filter::due(&document)?;
    if let Some(first) = due.iter().flatten().next() {
        let ring = load::ring(&args.key.source()).map_err(|e| e.due_for(&first.place))?;
        let minter = token::Minter::new(&ring, args.kid.as_deref())?;
        filter::fill(&mut document, &due, &minter, args.times()?);
    } else {
        filter::clear(&mut document, due.len());
    }
    Ok(Output::document(document, Report::new()))
}

fn mint_one(args: &MintArgs) -> Result<Output, Failure> {
    let ring = load::ring(&args.token.key.source())?;
    let minter = token::Minter::new(&ring, args.token.kid.as_deref())?;
    let token = minter.mint(&args.name, &args.spec, args.token.times()?);
    Ok(Output::bytes(format!("{}\n", token.expose()), Report::new()))
}

fn inspect(args: &InspectArgs) -> Result<Output, Failure> {
    let text = load::token()?;
    match read_unverified(&text) {
        Ok(payload) => {
            Ok(Output::bytes(show::payload(&payload, args.json, "not checked"), Report::new()))
        }
        Err(why) => Err(damaged(&why, &verify::read_damaged(&text)).into()),
    }
}

fn check(args: &VerifyArgs) -> Result<Output, Failure> {
    let text = load::token()?;
    let ring = load::ring(&args.key.source()).map_err(load::KeyError::on_server)?;
    let verifier = Verifier { ring: &ring, name: &args.name, now: args.now()? };
    let payload = verify(&text, &verifier).map_err(refused)?;
    Ok(Output::bytes(show::payload(&payload, args.json, "valid"), Report::new()))
}

/// Returns the finding on a malformed token, with the claims that can be read.
fn damaged(why: &VerifyError, rest: &Payload) -> Entry {
    let mut entry = rejected(why);
    if !rest.claims.is_empty() {
        entry = entry.note("what can be read:");
    }
    show::claims(rest).into_iter().fold(entry, Entry::note)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn refused(why: VerifyError) -> Failure {
    rejected(&why).into()
}

fn rejected(why: &VerifyError) -> Entry {
    let fact = format!("{}: {why}", why.code());
    let entry = Entry::error("token-rejected", Place::input(""), fact);
    entry.answer(why.code(), why.status())
}
