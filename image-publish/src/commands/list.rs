//! `list`: what images a storage holds.

use stage::{Console, Failure, Output, Report};

use super::{named, open};
use crate::cli::ListArgs;
use crate::outcome::{Line, Outcome};
use crate::ready::parse_stored_name;

/// Lists the storage's images, ours and others; with a document it is said which its VMs name.
pub(crate) fn run(args: &ListArgs, console: &Console) -> Result<Output, Failure> {
    let (target, deployment) = open(&args.connect, args.local_dir.as_deref(), "import", console)?;
    let named = deployment.as_ref().map(named);
    let line = |present: &crate::plan::Present| {
        let volid = target.volid(&present.file).to_string();
        let parts = parse_stored_name(&present.file);
        Line {
            name: parts.map(|(name, _)| name.to_owned()),
            used: named.as_ref().map(|named| named.contains(volid.as_str())),
            volid,
            result: "present",
            size: Some(present.size),
            sum: parts.map(|(_, sum)| sum.to_owned()),
        }
    };
    let mut lines: Vec<Line> = target.present()?.iter().map(line).collect();
    lines.sort_by(|a, b| a.volid.cmp(&b.volid));
    Ok(Output::bytes(Outcome::new("list", false, lines).print(args.json), Report::new()))
}
