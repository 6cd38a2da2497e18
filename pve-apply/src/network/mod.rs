//! Networks: the zones, vnets and subnets of SDN that belong to the site, and how they become what the
//! document says.
//!
//! `desired` is what the document says, `observed` the cluster's SDN as a value, `plan` a function of both;
//! `mark` and `find` say what is ours; `model` is the plan as a value. Doors: `read`,
//! `users` and `facts` (reads only), `execute` (writes).

mod adopt;
mod commit;
mod context;
pub(crate) mod desired;
mod draft;
mod edits;
pub(crate) mod execute;
pub(crate) mod facts;
mod find;
pub(crate) mod finding;
pub(crate) mod health;
mod left_over;
pub(crate) mod mark;
pub(crate) mod model;
mod nodes;
mod normal;
pub(crate) mod observed;
mod outdated;
mod plan;
pub(crate) mod preflight;
#[cfg(test)]
mod properties;
pub(crate) mod read;
mod remove;
pub(crate) mod rows;
pub(crate) mod show;
mod subnet;
mod text;
mod transaction;
mod users;
mod vnet;
#[cfg(test)]
pub(crate) mod worlds;

pub(crate) use adopt::{as_adopted, plan_adopt};
pub(crate) use outdated::outdated;
pub(crate) use plan::plan;
pub(crate) use remove::{plan_destroy, plan_prune};
