//! The texts of `image-publish --help` and the man pages other than the options. Does no I/O.

use stage::{COLOR_VARIABLE, LOG_VARIABLE, Manual};

/// The table.
pub const MANUAL: Manual = Manual {
    examples: &[
        (
            "Publish the images that a document's VMs name",
            "resolve --env dev | mint-token | cloudinit-render | image-publish | pve-apply apply",
        ),
        (
            "Show what would be published, and what apply would then do",
            "resolve --env dev | mint-token | cloudinit-render | image-publish --dry-run | pve-apply plan",
        ),
        ("List the images on the document's nodes", "resolve --env dev | image-publish list"),
        (
            "List the images on a node, without a document",
            "image-publish list --endpoint https://pve1:8006 --node pve1",
        ),
        (
            "Publish a file of your own",
            "resolve --env dev | image-publish publish ./app.qcow2 --name app",
        ),
        (
            "Compare images with their checksums",
            "resolve --env dev | image-publish verify --refresh always",
        ),
        ("Remove an image with all its versions", "resolve --env dev | image-publish remove app"),
        (
            "Remove old versions, but keep three of each",
            "resolve --env dev | image-publish prune --keep 3",
        ),
    ],
    environment: &[
        (
            "PVE_API_TOKEN",
            "API token USER@REALM!NAME=UUID, unless a document or --token-file has it",
        ),
        ("PVE_ENDPOINT", "URL of the PVE API, for runs without a document"),
        ("PVE_NODE", "Node that has the storage, unless --node is given"),
        ("PVE_CA_FILE", "CA file to trust, unless an option says which server to trust"),
        ("PVE_FINGERPRINT", "Fingerprints to trust, unless an option says which server to trust"),
        ("IMAGE_DIR", "Directory of images that have no source, unless --image-dir is given"),
        ("PVE_PIPELINE_CACHE", "Directory of the cache, unless --cache-dir is given"),
        ("XDG_CACHE_HOME", "Parent of the cache directory, unless that is named"),
        ("HOME", "Place of .cache, if XDG_CACHE_HOME is not set"),
        (
            "https_proxy, HTTPS_PROXY",
            "Proxy for https URLs of images; PVE itself is contacted directly",
        ),
        ("http_proxy, HTTP_PROXY", "Proxy for http URLs of images"),
        ("all_proxy, ALL_PROXY", "Proxy for URLs of images that have none of their own"),
        ("no_proxy, NO_PROXY", "Hosts that are contacted without a proxy, separated by commas"),
        LOG_VARIABLE,
        COLOR_VARIABLE,
    ],
    files: &[
        (
            "images/NAME/NAME.qcow2",
            "An image without a source, unless --image-dir names the directory",
        ),
        ("~/.cache/pve-pipeline", "Downloaded images and known checksums; may be deleted"),
    ],
    exit_status: &[
        ("0", "Done"),
        ("1", "Failed before anything was changed"),
        ("2", "The command line is wrong"),
        ("3", "Stopped part-way: something was changed, or may have been"),
        ("141", "Nobody reads stdout any more"),
    ],
};
