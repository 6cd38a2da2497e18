//! `pve-apply privileges`.

use crate::cli::PrivilegesArgs;
use crate::privileges::{Scope, commands};
use stage::{Deployment, Document, Failure, Output, Report};

pub(crate) fn run(args: &PrivilegesArgs) -> Result<Output, Failure> {
    let mut scope =
        Scope { user: args.user.clone(), token: args.token.clone(), ..Scope::default() };
    if args.document {
        let document = Document::from_stdin()?;
        let (deployment, report) = Deployment::read(&document);
        if report.has_errors() {
            return Err(report.into());
        }
        let own = deployment.vms.iter().filter_map(|vm| vm.datastore.clone());
        scope.disks =
            own.chain(Some(deployment.datastore.clone())).filter(|d| !d.is_empty()).collect();
        scope.bridges = deployment.vms.iter().map(|vm| vm.bridge.clone()).collect();
        scope.startup = deployment.vms.iter().any(|vm| vm.startup.is_some());
        scope.images.clone_from(&deployment.image_datastore);
    }
    Ok(Output::bytes(commands(&scope), Report::new()))
}
