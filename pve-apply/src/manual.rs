//! What `pve-apply --help` and the man pages say besides the options. Does no I/O.

use stage::{COLOR_VARIABLE, LOG_VARIABLE, Manual};

/// The table.
pub const MANUAL: Manual = Manual {
    examples: &[
        (
            "Show what apply would do",
            "resolve --env dev | mint-token | cloudinit-render | image-publish --dry-run | pve-apply plan",
        ),
        ("Apply a document, and wait for SSH", "pve-apply apply --wait ssh <document.json"),
        (
            "Apply to one VM, and allow a reboot",
            "pve-apply apply --vm web1 --allow-reboot <document.json",
        ),
        (
            "Review a plan, then carry out exactly that plan",
            "pve-apply plan --out plan.json <document.json && pve-apply apply --plan plan.json <document.json",
        ),
        (
            "Find drift in CI: exit with 4 if anything differs",
            "pve-apply plan --detailed-exitcode <document.json",
        ),
        ("Show the state of the deployment's VMs", "resolve --env dev | pve-apply status"),
        ("Print an inventory for Ansible", "resolve --env dev | pve-apply inventory"),
        (
            "Move VMs in: export them, then adopt them",
            "resolve --env dev | pve-apply export web1 >envs/web.yaml",
        ),
        (
            "Take over VMs that are now in the env",
            "resolve --env web | mint-token | cloudinit-render | pve-apply adopt --dry-run",
        ),
        (
            "Reboot a VM, and wait until it is ready",
            "pve-apply reboot --vm web1 <document.json && pve-apply wait --vm web1 <document.json",
        ),
        (
            "Wait for nested PVE nodes, and write their files into the site",
            "pve-apply wait --pve --site . <document.json",
        ),
        (
            "Check endpoint, token, storages and bridges",
            "resolve --env dev | mint-token | cloudinit-render | image-publish --dry-run | pve-apply doctor",
        ),
        ("Create an API token (run the output on a node)", "pve-apply privileges --user iac@pve"),
        (
            "Destroy the VMs of a document without being asked",
            "pve-apply destroy --yes <document.json",
        ),
        ("Release the SDN lock of a run that was killed", "pve-apply unlock-sdn <document.json"),
        ("Give up a VM without touching it", "pve-apply release --vm web1 <document.json"),
        (
            "Start, and shut down, all VMs of a document",
            "pve-apply start <document.json; pve-apply stop <document.json",
        ),
    ],
    environment: &[
        ("PVE_CA_FILE", "CA file to trust, unless an option says which server to trust"),
        ("PVE_FINGERPRINT", "Fingerprints to trust, unless an option says which server to trust"),
        ("XDG_STATE_HOME", "Parent of the directory of locks"),
        ("HOME", "Place of .local/state, if XDG_STATE_HOME is not set"),
        LOG_VARIABLE,
        COLOR_VARIABLE,
    ],
    files: &[
        (
            "~/.local/state/pve-pipeline",
            "Locks between runs on this machine, and the token of PVE's SDN lock while a run holds it",
        ),
        (
            "nodes/NAME.yaml, secrets.d/NAME.yaml",
            "A nested node in the site of `wait --pve`: how to reach it, and its token",
        ),
    ],
    exit_status: &[
        ("0", "Done"),
        ("1", "Failed before anything was changed, or something is blocked"),
        ("2", "The command line is wrong"),
        ("3", "Stopped part-way: something was changed, or may have been"),
        ("4", "plan --detailed-exitcode only: there are changes"),
        ("141", "Nobody reads stdout any more"),
    ],
};
