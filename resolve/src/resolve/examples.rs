//! The examples' secrets in a real site. Does no I/O.

use super::Resolved;
use crate::selection::How;
use crate::shape::is_local;
use crate::site::{NodeFile, Site};
use stage::Entry;
use stage::example::ExampleSecret;

/// Warns of secrets of the examples in use, but not against this very machine: that is how the
/// examples themselves run.
pub(super) fn check(site: &mut Site<'_>, all: &[Resolved<'_>], node: &NodeFile, how: &How) {
    let endpoint = how.endpoint.as_ref().map(|given| &given.value).or(node.api_endpoint.value());
    if !how.secrets || endpoint.is_none_or(|url| url.is_empty() || is_local(url)) {
        return;
    }
    let token = node.api_token.value().unwrap_or(&node.stem);
    let signs = site.whole.server_url.value().is_some_and(|url| !url.is_empty())
        && all.iter().any(|resolved| !resolved.vm.spec.is_empty());
    let examples = site.secrets.iter().flat_map(|secrets| &secrets.examples);
    let in_use = examples.filter(|example| match example.secret {
        ExampleSecret::ApiToken => example.name == *token,
        ExampleSecret::PasswordHash => true,
        ExampleSecret::SigningKey => signs,
    });
    let warnings = in_use.map(|example| example.secret.warning(site.sources.place(example.at)));
    let warnings: Vec<Entry> = warnings.collect();
    warnings.into_iter().for_each(|entry| site.report.push(entry));
}
