//! site.yaml, secrets.yaml, postures and specs.

use crate::shape::Type::{
    Any, Either, Flag, List, Named, Number, Object, Or, Reference, Text, Word, Written,
};
use crate::shape::{EMPTY, Field, Shape, Target, rule, vm};

/// site.yaml.
pub(crate) static SITE: Shape = Shape {
    title: "site.yaml",
    fields: &[
        Field::new(
            "site",
            Text(&rule::SITE),
            "The site's name, which must be unique on the cluster: it identifies the site's VMs.",
        ),
        Field::new(
            "defaults",
            Object(&DEFAULTS),
            "Defaults for everything that is not set elsewhere.",
        ),
        IMAGES,
        Field::new("cloud_init", Object(&CLOUD_INIT), "cloud-config for every guest."),
    ],
    ..EMPTY
};

/// `defaults` of site.yaml.
pub(crate) static DEFAULTS: Shape = Shape {
    title: "`defaults`",
    fields: &[
        Field::new(
            "timezone",
            Text(&rule::TIMEZONE),
            "Time zone of guests, such as Europe/Berlin.",
        )
        .or_blank(),
        Field::new("domain", Text(&rule::DOMAIN), "DNS domain of guests.").or_blank(),
        Field::new(
            "vm_user",
            Text(&rule::VM_USER),
            "The user that cloud-init creates [default: homestak].",
        )
        .former(&["automation_user"])
        .or_blank(),
        Field::new("host_user", Text(&rule::USER), "The user for SSH to nodes [default: root].")
            .former(&["ssh_user"])
            .or_blank(),
        Field::new("bridge", Text(&machine::rule::BRIDGE), "Bridge of every VM [default: vmbr0].")
            .or_blank(),
        Field::new("gateway", vm::GATEWAY.ty, "Gateways of every VM that sets none.").or_blank(),
        vm::CREATE,
        Field::new(
            "mac_prefix",
            Text(&rule::MAC_PREFIX),
            "The first half of derived MACs [default: BC:24:11, PVE's own].",
        ),
        Field::new("dns_servers", List(&Text(&rule::ADDRESS)), "DNS servers of guests."),
        Field::new("packages", List(&Text(&rule::PACKAGE)), "Packages that ansible installs."),
        Field::new("pve_remove_subscription_nag", Flag, "For ansible [default: true]."),
        Field::new("server_url", Text(&rule::SERVER), "URL of the spec server; empty for none.")
            .address()
            .former(&["spec_server"])
            .or_blank(),
        Field::new("image_release", Text(&rule::ANY), "The image release, for the image tools.")
            .former(&["packer_release"]),
        Field::new("image_release_repo", Text(&rule::ANY), "Where image releases are published.")
            .address()
            .former(&["packer_release_repo"]),
        Field::new("datastore", Text(&machine::rule::STORAGE), "Unused; set it in nodes/.")
            .or_blank(),
        Field::new(
            "vmid_range",
            Text(&rule::VMID_RANGE),
            "VM IDs for VMs without `vmid` [default: 10000-99999].",
        ),
    ],
    ..EMPTY
};

pub(super) const IMAGES: Field =
    Field::new("images", Named(&ONE_IMAGE), "Images by name; a node's images override the site's.");

const ONE_IMAGE: crate::shape::Type = Object(&IMAGE);

static IMAGE: Shape = Shape {
    title: "an image",
    fields: &[
        Field::new("file", Text(&rule::FILE), "A local file, relative to the site directory.")
            .address(),
        Field::new("url", Text(&rule::URL), "URL to fetch it from.").address(),
        Field::new("checksum", Text(&rule::CHECKSUM), "sha256:HEX or sha512:HEX of the file."),
        Field::new(
            "checksum_url",
            Text(&rule::FILE_OR_URL),
            "URL or local path of a SHA256SUMS file.",
        )
        .address(),
        Field::new(
            "mode",
            Word(&["auto", "download-url", "upload"]),
            "How a URL is fetched: auto, download-url (by the node) or upload.",
        ),
        Field::new(
            "format",
            Word(&["qcow2", "raw", "vmdk"]),
            "The image's format; required with mode download-url if the URL has no known extension.",
        ),
    ],
    any_of: &["file", "url"],
    exclusive: &[&["file", "url"], &["checksum", "checksum_url"]],
    ..EMPTY
};

/// `cloud_init` of site.yaml.
pub(crate) static CLOUD_INIT: Shape = Shape {
    title: "`cloud_init`",
    fields: &[
        Field::new("packages", List(&Text(&rule::PACKAGE)), "Packages for every guest."),
        Field::new("timezone", Text(&rule::TIMEZONE), "Overrides `defaults.timezone`."),
        Field::new("domain", Text(&rule::DOMAIN), "Overrides `defaults.domain`."),
        Field::new("dns_servers", List(&Text(&rule::ADDRESS)), "Overrides `defaults.dns_servers`."),
        Field::new("write_files", List(&Object(&WRITE_FILE)), "Files to write."),
        Field::new(
            "runcmd",
            List(&Either(&Text(&rule::COMMAND), &List(&Text(&rule::COMMAND)))),
            "Commands: a shell command, or a list of a program and its arguments.",
        )
        .hidden(),
        Field::new("profile_mode", Word(&stage::guest::PROFILE_MODES), "Mode of the token file."),
        Field::new("ca_certificate", Text(&rule::CERTIFICATE), "CA that guests trust, in PEM.")
            .hidden(),
        Field::new(
            "server_fingerprint",
            Text(&rule::FINGERPRINT),
            "SHA-256 of the spec server's certificate.",
        ),
    ],
    exclusive: &[&["ca_certificate", "server_fingerprint"]],
    ..EMPTY
};

static WRITE_FILE: Shape = Shape {
    title: "a file",
    fields: &[
        Field::new("path", Text(&rule::PATH), "Path in the guest.").required(),
        Field::new("content", Text(&rule::ANY), "Content of the file.").hidden(),
        Field::new("permissions", Text(&rule::PERMISSIONS), "Mode, quoted."),
        Field::new("owner", Text(&rule::OWNER), "Owner, as user:group."),
        Field::new(
            "encoding",
            Word(&stage::guest::ENCODINGS),
            "Encoding of `content`, such as base64.",
        ),
        Field::new("append", Flag, "Add to the file instead of replacing it."),
        Field::new("defer", Flag, "Write it after users and packages are set up."),
    ],
    ..EMPTY
};

/// secrets.yaml.
pub(crate) static SECRETS: Shape = Shape {
    title: "secrets.yaml",
    fields: &[
        Field::new("api_tokens", Named(&Text(&rule::API_TOKEN)), "PVE API tokens by name.")
            .hidden(),
        Field::new("passwords", Object(&PASSWORDS), "Password hashes.").hidden(),
        Field::new(
            "ssh_keys",
            Named(&Text(&rule::SSH_KEY)),
            "Public keys by name; every VM gets all of them.",
        ),
        Field::new("auth", Object(&AUTH), "Credentials that VMs authenticate with.").hidden(),
        Field::new("sops", Any, "Written by SOPS."),
    ],
    ..EMPTY
};

/// secrets.d/*.yaml: what is written by programs, such as `pve-apply wait --pve`.
pub(crate) static TOKENS: Shape = Shape {
    title: "a file of secrets.d",
    fields: &[
        Field::new("api_tokens", Named(&Text(&rule::API_TOKEN)), "PVE API tokens by name.")
            .hidden()
            .required(),
        Field::new("sops", Any, "Written by SOPS."),
    ],
    ..EMPTY
};

static PASSWORDS: Shape = Shape {
    title: "`passwords`",
    fields: &[Field::new("vm_root", Text(&rule::CRYPT_HASH), "Password hash of root in every VM.")],
    ..EMPTY
};

static AUTH: Shape = Shape {
    title: "`auth`",
    fields: &[
        Field::new(
            "signing_key",
            Written(&rule::SIGNING_KEY),
            "Key that signs provisioning tokens.",
        )
        .or_blank(),
        Field::new(
            "signing_keys",
            Named(&Written(&rule::SIGNING_KEY)),
            "Further signing keys by name, for `mint-token --kid` and for key rotation.",
        ),
        Field::new("site_token", Text(&rule::ANY), "One token for all VMs, in older sites."),
        Field::new("node_tokens", Named(&Text(&rule::ANY)), "A token for each VM, in older sites."),
        Field::new("repo_token", Text(&rule::ANY), "For the spec server's repositories."),
    ],
    ..EMPTY
};

/// `postures/*.yaml` and `v2/postures/*.yaml`, in the flat form of older and the nested form of
/// newer sites.
pub(crate) static POSTURE: Shape = Shape {
    title: "a posture",
    fields: &[
        Field::new("ssh_port", Number(1, 65_535), "SSH port [default: 22]."),
        Field::new(
            "ssh_permit_root_login",
            Text(&rule::ANY),
            "PermitRootLogin of sshd [default: prohibit-password].",
        ),
        Field::new(
            "ssh_password_authentication",
            Text(&rule::ANY),
            "PasswordAuthentication of sshd [default: no].",
        ),
        Field::new("sudo_nopasswd", Flag, "Whether sudo needs no password [default: false]."),
        Field::new("fail2ban_enabled", Flag, "Whether fail2ban runs [default: false]."),
        Field::new("auth", Object(&POSTURE_AUTH), "How a VM authenticates, in older sites."),
        Field::new("ssh", Object(&POSTURE_SSH), "The SSH server."),
        Field::new("sudo", Object(&POSTURE_SUDO), "sudo."),
        Field::new("fail2ban", Object(&POSTURE_FAIL2BAN), "fail2ban."),
        Field::new("packages", List(&Text(&rule::PACKAGE)), "Packages in addition to the site's."),
        Field::new("description", Text(&rule::ANY), "Description, for people."),
    ],
    exclusive: &[
        &["ssh", "ssh_port"],
        &["ssh", "ssh_permit_root_login"],
        &["ssh", "ssh_password_authentication"],
        &["sudo", "sudo_nopasswd"],
        &["fail2ban", "fail2ban_enabled"],
    ],
    ..EMPTY
};

static POSTURE_AUTH: Shape = Shape {
    title: "`auth`",
    fields: &[Field::new(
        "method",
        Word(&["network", "site_token", "node_token"]),
        "How a VM authenticates: network, site_token or node_token.",
    )
    .or_blank()],
    ..EMPTY
};

static POSTURE_SSH: Shape = Shape {
    title: "`ssh`",
    fields: &[
        Field::new("port", Number(1, 65_535), "SSH port [default: 22]."),
        Field::new(
            "permit_root_login",
            Text(&rule::ANY),
            "PermitRootLogin of sshd [default: prohibit-password].",
        ),
        Field::new(
            "password_authentication",
            Text(&rule::ANY),
            "PasswordAuthentication of sshd [default: no].",
        ),
    ],
    ..EMPTY
};

static POSTURE_SUDO: Shape = Shape {
    title: "`sudo`",
    fields: &[Field::new("nopasswd", Flag, "Whether sudo needs no password [default: false].")],
    ..EMPTY
};

static POSTURE_FAIL2BAN: Shape = Shape {
    title: "`fail2ban`",
    fields: &[Field::new("enabled", Flag, "Whether fail2ban runs [default: false].")],
    ..EMPTY
};

/// `specs/*.yaml`.
pub(crate) static SPEC: Shape = Shape {
    title: "a spec",
    fields: &[
        Field::new("schema_version", Number(1, 1), "The version of this format: 1.").required(),
        Field::new("description", Text(&rule::ANY), "Description, for people."),
        Field::new("identity", Object(&SPEC_IDENTITY), "Host name and domain."),
        Field::new("network", Object(&SPEC_NETWORK), "Its network."),
        Field::new("access", Object(&SPEC_ACCESS), "Who can log in."),
        Field::new("platform", Object(&SPEC_PLATFORM), "Packages and services."),
        Field::new("config", Any, "Settings for roles, passed on unchanged."),
        Field::new("run", Any, "What it runs afterwards, passed on unchanged."),
    ],
    ..EMPTY
};

static SPEC_IDENTITY: Shape = Shape {
    title: "`identity`",
    fields: &[
        Field::new("hostname", Text(&rule::HOST_NAME), "Host name [default: the spec's name].")
            .or_blank(),
        Field::new("domain", Text(&rule::DOMAIN_OR_EMPTY), "DNS domain [default: the site's]."),
    ],
    ..EMPTY
};

static SPEC_NETWORK: Shape = Shape {
    title: "`network`",
    fields: &[
        Field::new("ip", Text(&rule::IP), "Its address.").required(),
        Field::new("gateway", Text(&rule::ADDRESS), "Its gateway.").required(),
        Field::new(
            "dns",
            Either(&Text(&rule::ADDRESS), &List(&Text(&rule::ADDRESS))),
            "Its DNS servers.",
        ),
    ],
    ..EMPTY
};

static SPEC_ACCESS: Shape = Shape {
    title: "`access`",
    fields: &[
        Field::new("posture", Reference(Target::Posture), "The posture [default: dev]."),
        Field::new("users", List(&Object(&SPEC_USER)), "Its users."),
    ],
    ..EMPTY
};

/// Asks for every key of secrets.yaml.
pub(crate) const ALL_KEYS: &str = "all";

static SPEC_USER: Shape = Shape {
    title: "a user",
    fields: &[
        Field::new("name", Text(&rule::USER), "The user's name.").required(),
        Field::new("sudo", Flag, "Whether the user can use sudo [default: false]."),
        Field::new(
            "ssh_keys",
            Or(ALL_KEYS, &List(&Reference(Target::SshKey))),
            "Names from ssh_keys in secrets.yaml, or all [default: all, with a warning].",
        ),
    ],
    ..EMPTY
};

static SPEC_PLATFORM: Shape = Shape {
    title: "`platform`",
    fields: &[
        Field::new("packages", List(&Text(&rule::PACKAGE)), "Packages."),
        Field::new("services", Object(&SPEC_SERVICES), "Services."),
    ],
    ..EMPTY
};

static SPEC_SERVICES: Shape = Shape {
    title: "`services`",
    fields: &[
        Field::new("enable", List(&Text(&rule::ANY)), "Services to start."),
        Field::new("disable", List(&Text(&rule::ANY)), "Services to stop."),
    ],
    ..EMPTY
};
