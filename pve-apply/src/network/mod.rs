//! Networks: the zones, vnets and subnets of SDN that belong to the site, and how they become what the
//! document says.
//!
//! `observed` is the cluster's SDN as a value, `model` the plan as a value.

pub(crate) mod execute;
pub(crate) mod mark;
pub(crate) mod model;
pub(crate) mod observed;
