//! Nodes and hosts: the machines of a site.

use crate::shape::Type::{Any, Flag, List, Named, Number, Object, Or, Reference, Text, Written};
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

/// `hosts/*.yaml`: physical machines; only `check` reads them.
pub(crate) static HOST: Shape = Shape {
    title: "a host",
    fields: &[
        Field::new("host", Text(&rule::NAME), "The host's name.").or_blank(),
        Field::new("domain", Text(&rule::ANY), "Its DNS domain."),
        Field::new("timezone", Text(&rule::TIMEZONE), "Its time zone [default: the site's].")
            .or_blank(),
        Field::new("ip", Text(&rule::NODE_IP), "Its address.").or_blank(),
        Field::new("local_user", Text(&rule::USER), "The user on the console.").or_blank(),
        Field::new("network", Object(&HOST_NETWORK), "Its network."),
        Field::new("storage", Object(&HOST_STORAGE), "Its storage pools."),
        Field::new("hardware", Object(&HARDWARE), "Its hardware."),
        Field::new("access", Object(&ACCESS), "How to reach it."),
        Field::new("ssh", Object(&SSH), "Its SSH server."),
    ],
    ..EMPTY
};

static HOST_NETWORK: Shape = Shape {
    title: "`network`",
    fields: &[Field::new("interfaces", Named(&Object(&INTERFACE)), "Bridges by name.")],
    ..EMPTY
};

static INTERFACE: Shape = Shape {
    title: "an interface",
    fields: &[
        Field::new("type", Text(&rule::ANY), "bridge, bond and so on."),
        Field::new("ports", Any, "The ports of a bridge."),
        Field::new("address", Text(&rule::NODE_IP), "Its address in CIDR notation.").or_blank(),
        Field::new("gateway", Text(&rule::ADDRESS), "Its gateway.").or_blank(),
    ],
    ..EMPTY
};

static HOST_STORAGE: Shape = Shape {
    title: "`storage`",
    fields: &[Field::new("zfs_pools", List(&Object(&POOL)), "ZFS pools.")],
    ..EMPTY
};

static POOL: Shape = Shape {
    title: "a pool",
    fields: &[
        Field::new("name", Text(&rule::ANY), "The pool's name.").required(),
        Field::new("devices", Any, "Its devices."),
    ],
    ..EMPTY
};

static HARDWARE: Shape = Shape {
    title: "`hardware`",
    fields: &[
        Field::new("cpu_cores", COUNTED, "CPU cores.").or_blank(),
        Field::new("memory_gb", COUNTED, "Memory in GiB.").or_blank(),
    ],
    ..EMPTY
};

/// The reference's generator writes `unknown` for what it could not count, and rounds less than half
/// a GiB down to 0.
const COUNTED: crate::shape::Type = Or("unknown", &Number(0, i64::MAX));

static ACCESS: Shape = Shape {
    title: "`access`",
    fields: &[
        Field::new("host_user", Text(&rule::USER), "The user for SSH.")
            .former(&["ssh_user"])
            .or_blank(),
        Field::new("ssh_port", Number(1, 65_535), "The SSH port.").or_blank(),
        Field::new("authorized_keys", List(&Text(&rule::ANY)), "Who may log in."),
    ],
    ..EMPTY
};

static SSH: Shape = Shape {
    title: "`ssh`",
    fields: &[
        // The reference's generator writes a bare `yes`, which YAML 1.1 reads as a flag.
        Field::new("permit_root_login", Written(&rule::ANY), "As in sshd_config."),
        Field::new("password_authentication", Written(&rule::ANY), "As in sshd_config."),
        Field::new("pubkey_authentication", Written(&rule::ANY), "As in sshd_config."),
        Field::new("enabled", Flag, "Whether it is enabled."),
    ],
    ..EMPTY
};
