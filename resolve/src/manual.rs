//! What `resolve --help` and the man pages say besides the options. Does no I/O.

use stage::{COLOR_VARIABLE, LOG_VARIABLE, Manual};

/// The table.
pub const MANUAL: Manual = Manual {
    examples: &[
        ("Write a new site with one VM", "resolve init homelab --node pve1"),
        (
            "Show what applying an env would change",
            "resolve --env dev | mint-token | cloudinit-render | image-publish --dry-run | pve-apply plan",
        ),
        (
            "Run the whole pipe",
            "resolve --env dev | mint-token | cloudinit-render | image-publish | pve-apply apply",
        ),
        (
            "Compare two envs without their secrets",
            "diff <(resolve --env dev --no-secrets) <(resolve --env prod --no-secrets)",
        ),
        (
            "Resolve one VM that no file describes",
            "resolve --vm scratch --preset vm-small --image debian-13 --node pve1",
        ),
        ("Show where a value comes from", "resolve explain web1.memory --env dev"),
        ("Check a site in CI, with warnings as errors", "resolve check --strict --no-secrets"),
        ("List the envs of the site", "resolve list envs"),
        ("List the deployments that name their node", "resolve list deployments --json"),
        ("Print the variables for Ansible", "resolve ansible-vars --env dev >vars.json"),
        ("Print a spec with its references resolved", "resolve spec web"),
        (
            "Write the schema of a node's file for an editor",
            "resolve schema node >node.schema.json",
        ),
    ],
    environment: &[
        ("HOMESTAK_SITE_CONFIG", "Directory of the site, unless --site is given"),
        ("HOMESTAK_ETC", "The same, second choice"),
        ("HOMESTAK_ROOT", "Parent of the directory config that is the site, third choice"),
        ("HOME", "Parent of the directory config that may be the site, last choice"),
        ("PVE_NODE", "Node to use, unless --node or --parent is given"),
        (
            "PVE_ENDPOINT",
            "URL of the API of a node without api_endpoint, unless --endpoint is given",
        ),
        ("HOMESTAK_SERVER", "URL of the spec server, unless --spec-server is given"),
        LOG_VARIABLE,
        COLOR_VARIABLE,
    ],
    files: &[
        ("site.yaml", "Name and defaults of the site"),
        ("secrets.yaml, secrets.yaml.enc", "Secrets of the site, plain or encrypted with SOPS"),
        ("secrets.d/", "API tokens that programs write, plain or encrypted with SOPS"),
        ("envs/, manifests/", "VMs: one file per env or manifest"),
        ("nodes/", "Proxmox VE nodes"),
        ("networks/", "Networks that the VMs share: zones, vnets and subnets"),
        ("presets/, vms/", "Values that several VMs share"),
        ("specs/, postures/, hosts/", "What VMs make of themselves, and variables for Ansible"),
        (
            "../site-config, /usr/local/etc/homestak, /opt/homestak/site-config, ~/config",
            "Where resolve looks for a site that nothing names",
        ),
    ],
    exit_status: &[
        ("0", "Done"),
        ("1", "The site cannot be used; stdout is empty"),
        ("2", "The command line is wrong"),
        ("141", "Nobody reads stdout any more"),
    ],
};
