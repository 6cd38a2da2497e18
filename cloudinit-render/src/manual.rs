//! What `cloudinit-render --help` and the man page say besides the options. Does no I/O.

use stage::{COLOR_VARIABLE, LOG_VARIABLE, Manual};

/// The table.
pub const MANUAL: Manual = Manual {
    examples: &[
        (
            "Render the seed data of a document",
            "resolve --env dev | mint-token | cloudinit-render -o document.json",
        ),
        (
            "Add packages or commands for every VM",
            "resolve --env dev | cloudinit-render --fragment packages.yaml -o document.json",
        ),
        (
            "Read the user-data of one VM",
            "resolve --env dev | cloudinit-render --vm web1 --part user-data | less",
        ),
        (
            "Write the seed of each VM to seeds/NAME/",
            "resolve --env dev | cloudinit-render --seed-dir seeds",
        ),
        (
            "Write a seed image for another hypervisor",
            "resolve --env dev | cloudinit-render --vm web1 --seed-image web1.iso",
        ),
    ],
    environment: &[LOG_VARIABLE, COLOR_VARIABLE],
    files: &[],
    exit_status: &[
        ("0", "Done"),
        ("1", "The document or a fragment cannot be used; stdout is empty"),
        ("2", "The command line is wrong"),
        ("141", "Nobody reads stdout any more"),
    ],
};
