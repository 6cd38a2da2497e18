"""What the document promises of the guest: docs/cloud-init.md."""

REQUESTS = "503 /bootstrap.git/install.sh\n200 /bootstrap.git/install.sh\n200 /spec\n"
PROFILE, SCRIPT = "/etc/profile.d/homestak.sh", "/usr/local/sbin/homestak-first-boot"
AT_BOOT = "/var/lib/cloud/scripts/per-boot/homestak-first-boot"
UNIT = "/etc/systemd/system/homestak-first-boot"
DONE, FAILED = "/var/lib/homestak/first-boot.done", "/var/lib/homestak/first-boot.failed"
DRIVER_LOG, COMMANDS = "/var/log/guest-driver.log", "/var/lib/guest/commands"
CLOUD_INIT_STAGES = ["init-local", "init", "modules-config", "modules-final"]


class Check:
    """Counts comparisons, and collects those that fail."""

    def __init__(self):
        self.boot, self.count, self.wrong = None, 0, []

    def equal(self, what, got, wanted):
        self.count += 1
        if got != wanted:
            self.wrong.append(f"{self.boot}: {what}:\n  {got!r}\ninstead of\n  {wanted!r}")

    def report(self):
        return "\n".join(self.wrong)

    def finish(self):
        if self.wrong:
            raise AssertionError(f"{len(self.wrong)} of {self.count} comparisons fail")


def keys_of(user):
    return f"/home/{user}/.ssh/authorized_keys"


def paths(user):
    """The files that of_files looks at."""
    return [PROFILE, SCRIPT, AT_BOOT, f"{UNIT}.service", f"{UNIT}.timer", "/etc/homestak-ca.pem", DONE, FAILED, DRIVER_LOG,
        COMMANDS, "/etc/guest-spec", "/etc/guest/of-root", "/opt/guest/run", "/var/lib/guest/of-user", keys_of(user)]


def of_each_boot(check, facts, pve, user, address):
    """cloud-init is content, and the guest is what the document says."""
    equal = check.equal
    lines = facts["status"]["said"].split("\n")
    equal("cloud-init status", [facts["status"]["code"], lines[0]], [0, "status: done"])
    equal("extended status", [line for line in lines if line.startswith("extended") and not line.endswith(": done")], [])
    equal("source of the data", facts["result"]["v1"]["datasource"].split("=")[0], "DataSourceNoCloud [seed")
    equal("errors", facts["result"]["v1"]["errors"], [])
    for stage in CLOUD_INIT_STAGES:
        said = facts["stages"]["v1"][stage]
        equal(f"errors of {stage}", [said["errors"], said.get("recoverable_errors", {})], [[], {}])
    equal("warnings in cloud-init's log", facts["complaints"], [])
    equal("cloud-init schema --system", facts["schema"]["code"], 0)
    equal("failed units", facts["failed units"], "")
    equal("instance-id", facts["instance-id"], pve.vm["instance_id"])
    equal("host name and full name", facts["hostname"], ["guest1", "guest1.guest.example"])
    equal("time zone", facts["timezone"], "/usr/share/zoneinfo/Europe/Berlin")
    equal("the agent is installed and running", facts["units"]["qemu-guest-agent.service"], "active")
    equal("the timer of the first boot", facts["units"]["homestak-first-boot.timer"], "inactive")
    of_logins(check, facts, pve, user)
    of_network(check, facts, pve.macs(), address)
    table = facts["partitions"]
    (root,) = [part for part in table["partitions"] if part["node"] == "/dev/vda1"]
    equal("the last sector of the root partition", root["start"] + root["size"] - 1, table["lastlba"])
    number, size = map(int, facts["blocks"])
    equal("the file system fills the partition", number * size > 0.95 * root["size"] * table["sectorsize"], True)


def of_logins(check, facts, pve, user):
    home, shell = facts["users"].get(user, [None, None])
    check.equal("home and shell", [home, shell], [f"/home/{user}", "/bin/bash"])
    check.equal("the image's own user", facts["users"].get("debian"), None)
    check.equal("members of sudo", user in facts["sudo"], True)
    rules = [line for line in facts["sudoers"].split("\n") if line and not line.startswith("#")]
    check.equal("sudo rules", sorted(set(rules)), [f"{user} ALL=(ALL) NOPASSWD:ALL"])
    check.equal("the user's password", facts["shadow"][user][1], "!")
    check.equal("root's password", facts["shadow"]["root"][1], pve.document["root_password"])


def of_network(check, facts, macs, address):
    links = {link["ifname"]: link for link in facts["links"]}
    static = {"eth0": {f"{address}/24", "fec0::15/64"}, "eth1": set()}
    for name, mac in zip(static, macs):
        check.equal(f"MAC of {name}", links.get(name, {}).get("address"), mac)
        found = [entry for entry in links.get(name, {}).get("addr_info", []) if entry["scope"] != "link"]
        written = {f"{entry['local']}/{entry['prefixlen']}" for entry in found if not entry.get("dynamic")}
        check.equal(f"static addresses of {name}", written, static[name])
    leased = [entry["local"] for entry in links.get("eth1", {}).get("addr_info", []) if entry["family"] == "inet"]
    check.equal("addresses of eth1 by DHCP", leased, ["10.0.3.15"])
    routes = [route for route in facts["routes"] if route["dst"] == "default" and route["protocol"] == "static"]
    # Debian 12 has made one route of ours and the one that QEMU's router announces with its link-local address.
    hops = [hop for route in routes for hop in route.get("nexthops", [route])]
    default = [[hop["gateway"], hop["dev"]] for hop in hops if not hop["gateway"].startswith("fe80:")]
    check.equal("default routes", default, [["10.0.2.2", "eth0"], ["fec0::2", "eth0"]])
    resolver = [line for line in facts["resolver"].split("\n") if line.startswith(("nameserver", "search"))]
    check.equal("resolver", resolver, ["nameserver 10.0.2.3", "search guest.example"])


def of_files(check, files, pve, user, certificate):
    """Modes, owners and contents of the files of the seed and of the first boot."""
    root = "root:root"
    profile = ("# Where this machine fetches its spec, and the token that it shows there.\n"
        f"export HOMESTAK_SERVER='https://10.0.2.100:44443'\nexport HOMESTAK_TOKEN='{pve.vm['auth_token']}'\n")
    (key,) = pve.document["ssh_keys"]
    for path, wanted in {
        PROFILE: ["0600", root, profile],
        "/etc/homestak-ca.pem": ["0644", root, certificate],
        "/etc/guest-spec": ["0640", root, "the spec\n"],
        DRIVER_LOG: ["0644", root, "install\nconfig fetch, HOME=/root\nconfig apply, HOME=/root\n"],
        DONE: ["0644", root, ""],
        FAILED: None,
        keys_of(user): ["0600", f"{user}:{user}", key + "\n"],
        "/etc/guest/of-root": ["0640", root, "for root\n"],
        "/opt/guest/run": ["0755", root, "#!/bin/sh\necho \"it's $1\"\n"],
        "/var/lib/guest/of-user": ["0400", f"{user}:{user}", "abc\n"],
    }.items():
        check.equal(path, files[path], wanted)
    for path, mode in {SCRIPT: "0700", AT_BOOT: "0700", f"{UNIT}.service": "0644", f"{UNIT}.timer": "0644"}.items():
        check.equal(path, files[path][:2], [mode, root])


def commands(check, facts, users):
    """The site's own commands have run once for each of these users."""
    wanted = "".join(f"for {user}\nit's a 'word'\n" for user in users)
    check.equal("commands", facts["files"][COMMANDS][2], wanted)


def of_first_boot(check, facts):
    commands(check, facts, ["homestak"])
    kinds = [f"ssh_host_{kind}_key{end}" for kind in ["ecdsa", "ed25519", "rsa"] for end in ["", ".pub"]]
    # Debian 12's cloud-init makes a DSA key, too.
    found = [name for name in sorted(facts["host keys"]) if "_dsa_" not in name]
    check.equal("host keys", found, kinds)


def nothing_repeated(check, facts, first):
    """A boot with the seed that the guest already knows."""
    same_machine(check, facts, first)
    check.equal("it has booted", facts["boot"] != first["boot"], True)
    before, after = first["semaphores"], facts["semaphores"]
    check.equal("per-instance modules of the first boot", {"config_ssh", "config_users_groups", "config_runcmd"} - set(before), set())
    # It runs before bootcmd, where a new seed takes back what cloud-init has done for it: docs/cloud-init.md.
    repeated = {name for name, time in after.items() if before.get(name) != time}
    check.equal("per-instance modules that run again", repeated, {"config_seed_random"})
    commands(check, facts, ["homestak"])


def same_machine(check, facts, first):
    """What a reseed leaves alone."""
    for what in ["machine-id", "host keys", "partitions", "blocks"]:
        check.equal(what, facts[what], first[what])


def locked(check, facts, user):
    """A former automation user can no longer log in, in any way."""
    shadow = facts["shadow"][user]
    check.equal(f"{user} is locked and expired", [shadow[1], shadow[7]], ["!", "1"])


def own_host_keys(check, facts, origin):
    """A clone shares no host key with its origin."""
    check.equal("names of host keys", sorted(facts["host keys"]), sorted(origin["host keys"]))
    shared = set(facts["host keys"].values()) & set(origin["host keys"].values())
    check.equal("shared host keys", shared, set())
