//! `Target`: what a name in a file refers to. Does no I/O.

use super::{Rule, rule};
use crate::source::Span;

/// What a name refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A file of `nodes/`.
    Node,
    /// A file of `presets/` or `vms/presets/`.
    Preset,
    /// A file of `vms/`.
    Template,
    /// A file of `specs/`.
    Spec,
    /// A file of `postures/`.
    Posture,
    /// A file of `networks/`.
    Network,
    /// An image in site.yaml or of the node, which only the resolver knows.
    Image,
    /// A token in secrets.yaml.
    Token,
    /// A key in secrets.yaml, or the key itself.
    SshKey,
}

/// A name in a file, and its place.
pub(crate) struct Reference {
    /// What it refers to.
    pub target: Target,
    /// The name.
    pub name: String,
    /// Where it is written.
    pub at: Span,
}

impl Target {
    /// Returns the rule for its names.
    pub(crate) const fn rule(self) -> &'static Rule {
        match self {
            Self::Node | Self::Preset | Self::Template | Self::Spec | Self::Posture => &rule::NAME,
            Self::Network => &machine::sdn::rule::ZONE_ID,
            Self::Image => &machine::rule::IMAGE,
            Self::Token => &rule::TOKEN_NAME,
            Self::SshKey => &rule::ANY,
        }
    }
}
