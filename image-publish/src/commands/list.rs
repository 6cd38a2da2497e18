//! `list`: what images a storage holds.

use stage::{Console, Failure, Output, Report};

use super::{is_named, open};
use crate::cli::ListArgs;
use crate::outcome::{Line, Outcome};
use crate::ready::parse_stored_name;

/// Lists the storage's images, ours and others; with a document it is said which its VMs name.
pub(crate) fn run(args: &ListArgs, console: &Console) -> Result<Output, Failure> {
    let (target, deployment) = open(&args.connect, args.local_dir.as_deref(), "import", console)?;
    let line = |present: &crate::plan::Present| {
        let volid = target.volid(&present.file);
        let parts = parse_stored_name(&present.file);
        Line {
            name: parts.map(|(name, _)| name.to_owned()),
            used: deployment.as_ref().and_then(|deployment| is_named(deployment, &volid)),
            volid: volid.to_string(),
            result: "present",
            size: Some(present.size),
            sum: parts.map(|(_, sum)| sum.to_owned()),
            reason: None,
            warnings: Vec::new(),
        }
    };
    let mut lines: Vec<Line> = target.present()?.iter().map(line).collect();
    lines.sort_by(|a, b| a.volid.cmp(&b.volid));
    Ok(Output::bytes(Outcome::new("list", args.dry_run, lines).print(args.json), Report::new()))
}
