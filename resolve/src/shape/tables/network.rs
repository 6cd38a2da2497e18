//! Nodes: the machines of a site.

use crate::shape::Type::{Reference, Text};
use crate::shape::tables::site::IMAGES;
use crate::shape::{EMPTY, Field, Shape, Target, rule};

/// `nodes/*.yaml`.
pub(crate) static NODE: Shape = Shape {
    title: "a node",
    fields: &[
        Field::new("node", Text(&rule::NODE), "The node's name in PVE [default: the file name].")
            .or_blank(),
        Field::new(
            "cluster",
            Text(&rule::NODE),
            "The node's cluster, from which MACs are derived [default: the node's name].",
        ),
        Field::new("datastore", Text(&machine::rule::STORAGE), "Storage for VM disks.").required(),
        Field::new(
            "image_datastore",
            Text(&machine::rule::STORAGE),
            "File storage with content type import, for images and seeds [default: local].",
        ),
        Field::new("api_endpoint", Text(&rule::ENDPOINT), "Base URL of the PVE API.")
            .address()
            .blank_is_null(),
        Field::new(
            "api_fingerprint",
            Text(&rule::FINGERPRINT),
            "SHA-256 of the API's certificate, which the stages trust unless an option says what to trust.",
        )
        .blank_is_null(),
        Field::new(
            "api_token",
            Reference(Target::Token),
            "Key of api_tokens in secrets.yaml or secrets.d/ [default: the file name].",
        )
        .hidden()
        .or_blank(),
        Field::new("ip", Text(&rule::NODE_IP), "The node's address.").or_blank(),
        Field::new("host_user", Text(&rule::USER), "The user for SSH to the node.")
            .former(&["ssh_user"])
            .or_blank(),
        IMAGES,
        Field::new("host", Text(&rule::NAME), "The physical machine, in hosts/; informational.")
            .or_blank(),
        Field::new(
            "parent_node",
            Text(&rule::NAME),
            "The node that this one runs on; then it is for its own VMs, and no default of others.",
        )
        .or_blank(),
    ],
    ..EMPTY
};
