//! `Network`: a zone of PVE's software-defined networking in the document, with its vnets and
//! subnets. Does no I/O.
//!
//! The options are as written; the crate `machine` knows them.

use crate::fields::Fields;
use serde::Serialize;
use serde_json::{Map, Value};

/// A zone with its vnets.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Network {
    /// The zone's ID.
    pub zone: String,
    /// The zone's type.
    #[serde(rename = "type")]
    pub ty: String,
    /// The zone's options that the site's YAML sets. Empty for a zone that must exist.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// Its vnets.
    pub vnets: Vec<Vnet>,
}

/// A vnet with its subnets.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Vnet {
    /// Its ID.
    pub vnet: String,
    /// The options that the site's YAML sets.
    pub config: Map<String, Value>,
    /// Its subnets.
    pub subnets: Vec<Subnet>,
}

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Subnet {
    /// Its CIDR.
    pub subnet: String,
    /// The options that the site's YAML sets.
    pub config: Map<String, Value>,
}

impl Network {
    pub(crate) fn read(f: &mut Fields<'_>) -> Self {
        Self {
            zone: f.text("zone").unwrap_or_default(),
            ty: f.text("type").unwrap_or_default(),
            config: f.object("config"),
            vnets: f.each("vnets", |f| Vnet {
                vnet: f.text("vnet").unwrap_or_default(),
                config: f.object("config"),
                subnets: f.each("subnets", |f| Subnet {
                    subnet: f.text("subnet").unwrap_or_default(),
                    config: f.object("config"),
                }),
            }),
        }
    }
}
