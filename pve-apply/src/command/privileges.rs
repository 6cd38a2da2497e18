//! `pve-apply privileges`.

use crate::asked::{self, Asked};
use crate::cli::PrivilegesArgs;
use crate::privileges::{ANY_VERSION, BRIDGE_PLACEHOLDER, Scope, commands, needs};
use stage::{Deployment, Document, Entry, Failure, Output, Place, Report};

pub(crate) fn run(args: &PrivilegesArgs) -> Result<Output, Failure> {
    let needs = if args.document {
        let (deployment, mut report) = Deployment::read(&Document::from_stdin()?);
        let (vms, problems) = asked::read(&deployment);
        for (index, problem) in problems {
            let part = problem.part.map(|part| format!(".{part}")).unwrap_or_default();
            let field = format!("vms[{index}].config.{}{part}", problem.key);
            report.push(Entry::error(Place::input(field), problem.fact));
        }
        if report.has_errors() {
            return Err(report.into());
        }
        needs(&deployment.image_datastore, &vms.iter().collect::<Vec<_>>(), &ANY_VERSION)
    } else {
        let vm = Asked::placeholder("DATASTORE", BRIDGE_PLACEHOLDER);
        needs("IMAGE_DATASTORE", &[&vm], &ANY_VERSION)
    };
    let scope = Scope { user: args.user.clone(), token: args.token.clone(), needs };
    Ok(Output::bytes(commands(&scope), Report::new()))
}
