//! The examples' secrets in a real site. Does no I/O.

use super::{ResolvedVm, first_boot};
use crate::selection::DocumentOptions;
use crate::shape::is_local;
use crate::site::{NodeFile, Site};
use crate::source::Span;
use stage::Entry;
use stage::example::{self, ExampleSecret};
use std::collections::BTreeSet;

/// Warns about secrets of the examples in use, unless the endpoint is this machine, as when the
/// examples run against a simulator.
pub(super) fn check(
    site: &mut Site<'_>,
    all: &[ResolvedVm<'_>],
    node: &NodeFile,
    options: &DocumentOptions,
) {
    let endpoint =
        options.endpoint.as_ref().map(|given| &given.value).or(node.api_endpoint.value());
    if !options.secrets || endpoint.is_none_or(|url| url.is_empty() || is_local(url)) {
        return;
    }
    let token = node.api_token.value().unwrap_or(&node.stem);
    let signs = first_boot::server(&site.config, options).is_some()
        && all.iter().any(|resolved| first_boot::needs_server(&resolved.vm));
    let examples = site.secrets.iter().flat_map(|secrets| &secrets.examples);
    let in_use = examples.filter(|example| match example.secret {
        ExampleSecret::ApiToken => example.name == *token,
        ExampleSecret::PasswordHash => true,
        ExampleSecret::SigningKey => signs,
    });
    let in_use = in_use.map(|example| (example.secret, example.at));
    let hashes = hashes(all).map(|at| (ExampleSecret::PasswordHash, at));
    let found: BTreeSet<(ExampleSecret, Span)> = in_use.chain(hashes).collect();
    let warning = |(secret, at): (ExampleSecret, _)| secret.warning(site.sources.place(at));
    let warnings: Vec<Entry> = found.into_iter().map(warning).collect();
    warnings.into_iter().for_each(|entry| site.report.push(entry));
}

/// Returns where VMs set a password hash of the examples.
fn hashes(all: &[ResolvedVm<'_>]) -> impl Iterator<Item = Span> {
    let known = all.iter().filter(|resolved| {
        resolved.vm.password_hash.as_ref().is_some_and(|hash| example::has(hash.expose()))
    });
    known.filter_map(|resolved| resolved.password_at)
}
