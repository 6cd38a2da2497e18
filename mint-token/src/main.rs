//! `mint-token`: gives each VM in the document its provisioning token.

use std::process::ExitCode;

fn main() -> ExitCode {
    stage::main("mint-token", mint_token::run)
}
