//! Presets, templates, envs and manifests.

use crate::shape::Type::{Filled, Flag, List, Number, Object, Reference, Text, Word};
use crate::shape::{EMPTY, Field, Shape, Target, rule, vm};

/// `presets/*.yaml` and `vms/presets/*.yaml`.
pub(crate) static PRESET: Shape = Shape {
    title: "a preset",
    fields: &[DESCRIPTION],
    shared: &vm::SHARED,
    exclusive: EXCLUSIVE,
    ..EMPTY
};

/// Keys of VMs of which a layer can set one.
const EXCLUSIVE: &[&[&str]] = &[vm::BOOT_SOURCES, vm::WAYS_OF_CREATION];

/// `vms/*.yaml`.
pub(crate) static TEMPLATE: Shape = Shape {
    title: "a template",
    fields: &[
        DESCRIPTION,
        Field::new(
            "preset",
            Reference(Target::Preset),
            "The preset that this template starts from.",
        )
        .or_blank(),
    ],
    shared: &vm::SHARED,
    exclusive: EXCLUSIVE,
    ..EMPTY
};

/// `envs/*.yaml`.
pub(crate) static ENV: Shape = Shape {
    title: "an env",
    fields: &[
        DESCRIPTION,
        Field::new(
            "posture",
            Reference(Target::Posture),
            "The posture for ansible [default: dev].",
        )
        .or_blank(),
        NODE,
        ALTERNATIVE_GROUP,
        Field::new(
            "vmid_base",
            vm::VMID_RANGE,
            "VM ID of the first entry; every further entry counts up by one, whether it uses the ID or not.",
        ),
        NETWORKS,
        Field::new("vms", List(&Object(&ENV_VM)), "The VMs."),
    ],
    ..EMPTY
};

/// An entry of `vms` of an env.
pub(crate) static ENV_VM: Shape = Shape {
    title: "a VM",
    fields: &[
        vm::NAME,
        Field::new(
            "template",
            Reference(Target::Template),
            "The template (in vms/) that this VM starts from.",
        )
        .or_blank(),
        Field::new("vm_preset", Reference(Target::Preset), "The preset that this VM starts from.")
            .former(&["preset"])
            .or_blank(),
        vm::VMID,
        vm::COUNT_FIELD,
        vm::MAC,
        vm::RENAMED_FROM,
    ],
    exclusive: &[&["template", "vm_preset"], vm::BOOT_SOURCES, vm::WAYS_OF_CREATION],
    shared: &vm::SHARED,
    ..EMPTY
};

/// `manifests/*.yaml`.
pub(crate) static MANIFEST: Shape = Shape {
    title: "a manifest",
    fields: &[
        Field::new("schema_version", Number(2, 2), "The version of this format: 2.").required(),
        Field::new("name", Text(&rule::DEPLOYMENT), "The deployment's name.").required(),
        DESCRIPTION,
        NODE,
        ALTERNATIVE_GROUP,
        Field::new("pattern", Word(&["flat", "tiered"]), "Informational: flat or tiered.")
            .or_blank(),
        Field::new("execution", Object(&EXECUTION), "How the VMs get their configuration."),
        NETWORKS,
        Field::new("nodes", Filled(&Object(&MANIFEST_NODE)), "The VMs.").required(),
        Field::new("settings", Object(&SETTINGS), "How a run handles errors."),
    ],
    ..EMPTY
};

/// An entry of `nodes` of a manifest.
pub(crate) static MANIFEST_NODE: Shape = Shape {
    title: "a node of a manifest",
    fields: &[
        vm::NAME,
        Field::new("type", Word(&["vm", "pve", "ct"]), "vm, or pve for a nested PVE node.")
            .required(),
        Field::new("preset", Reference(Target::Preset), "The preset that this VM starts from.")
            .former(&["vm_preset"])
            .or_blank(),
        vm::VMID,
        Field::new(
            "parent",
            Text(&rule::NAME),
            "The node to create first; for a child of a pve node, the node that it runs on.",
        ),
        Field::new("execution", Object(&NODE_EXECUTION), "How this VM gets its configuration."),
        Field::new(
            "nested_pve",
            Flag,
            "Whether a pve node makes an API token at its first boot, for `pve-apply wait --pve` [default: true without a `boot_scenario`].",
        ),
        vm::COUNT_FIELD,
        vm::MAC,
        vm::RENAMED_FROM,
    ],
    shared: &vm::SHARED,
    exclusive: EXCLUSIVE,
    ..EMPTY
};

/// How a VM gets its configuration.
const MODE: &[&str] = &["push", "pull"];

/// `execution` of a manifest.
pub(crate) static EXECUTION: Shape = Shape {
    title: "`execution`",
    fields: &[Field::new("default_mode", Word(MODE), "push or pull, for all nodes.").or_blank()],
    ..EMPTY
};

/// `execution` of a node of a manifest.
pub(crate) static NODE_EXECUTION: Shape = Shape {
    title: "`execution`",
    fields: &[Field::new("mode", Word(MODE), "push or pull.").or_blank()],
    ..EMPTY
};

/// `settings` of a manifest.
pub(crate) static SETTINGS: Shape = Shape {
    title: "`settings`",
    fields: &[
        Field::new("verify_ssh", Flag, "Wait until SSH answers."),
        Field::new("cleanup_on_failure", Flag, "Destroy what a failed test created."),
        Field::new("timeout_buffer", Number(0, i64::MAX), "Extra seconds before a run times out."),
        Field::new(
            "on_error",
            Word(&["stop", "rollback", "continue"]),
            "What pve-apply does when a VM fails.",
        ),
    ],
    ..EMPTY
};

const NODE: Field = Field::new(
    "node",
    Reference(Target::Node),
    "The node (in nodes/) for the VMs [default: the one from `--node`].",
);

const NETWORKS: Field = Field::new(
    "networks",
    List(&Reference(Target::Network)),
    "Networks (in networks/) besides those of the VMs' bridges.",
);

const ALTERNATIVE_GROUP: Field = Field::new(
    "alternative_group",
    Text(&rule::DEPLOYMENT),
    "Name of a group of envs and manifests of which only one exists at a time: `resolve check` does not compare their vmids, MACs, addresses and host names.",
);

const DESCRIPTION: Field = Field::new("description", Text(&rule::ANY), "Description, for people.");
