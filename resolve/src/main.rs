//! `resolve`: a site's YAML in, one document out.
use std::process::ExitCode;

fn main() -> ExitCode {
    stage::main("resolve", resolve::run)
}
