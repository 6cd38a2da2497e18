"""Checks whether one release's cloud-init accepts each seed, and how it configures the network."""

import contextlib
import io
import pathlib
import sys
import tempfile

import yaml
from cloudinit import version
from cloudinit.cmd import main as cloudinit

release, seeds = sys.argv[1], pathlib.Path(sys.argv[2])
NUMBER = tuple(int(part) for part in version.version_string().split("-")[0].split(".")[:2])
# cloud-init checks network-config since 23.3.
HAS_NETWORK_SCHEMA = NUMBER >= (23, 3)


def run(*arguments):
    """Runs cloud-init's command line; returns its exit code and output."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = cloudinit.main(["cloud-init", *arguments])
        except SystemExit as exit:
            code = exit.code if isinstance(exit.code, int) or exit.code is None else str(exit.code)
    return code, said.getvalue()


def accepts(*arguments):
    """Returns what is wrong, or None. A deprecation counts as wrong."""
    code, said = run("schema", *arguments)
    if code not in (0, None) or "deprecat" in said.lower() or "warn" in said.lower():
        return f"schema {' '.join(arguments)}: {code}\n{said}"
    return None


def accepts_network(seed):
    """Returns what is wrong with the network-config, or None."""
    # Not in the schema but in netplan: a guest with netplan uses that instead.
    text = (seed / "network-config").read_text().replace("      on-link: true\n", "")
    with tempfile.NamedTemporaryFile("w") as copy:
        copy.write(text)
        copy.flush()
        return accepts("-t", "network-config", "--config-file", copy.name)


def networkd(seed):
    """Returns what is wrong with what cloud-init writes for systemd-networkd, or None."""
    ethernets = yaml.safe_load((seed / "network-config").read_text())["ethernets"]
    with tempfile.TemporaryDirectory() as out:
        arguments = ["devel", "net-convert", "--network-data", str(seed / "network-config"), "--kind",
            "yaml", "--distro", "debian", "--output-kind", "networkd", "--directory", out]
        code, said = run(*arguments)
        written = [path.read_text().split("\n") for path in pathlib.Path(out).rglob("*.network")]
    if code not in (0, None) or len(written) != len(ethernets):
        return f"net-convert: {code}, {len(written)} files\n{said}"
    for name, config in ethernets.items():
        lines = next((lines for lines in written if f"Name={name}" in lines), [])
        problem = wrong_lines(name, config, lines)
        if problem:
            return f"networkd: {name}: {problem}"
    return None


def wrong_lines(name, config, lines):
    """Returns what is wrong with the lines for one NIC, or None."""
    dhcp = {(False, False): "no", (True, False): "ipv4", (False, True): "ipv6", (True, True): "yes"}
    expected = [f"Name={name}", "DHCP=" + dhcp[config["dhcp4"], config.get("dhcp6", False)]]
    if "match" in config:
        expected.append("MACAddress=" + config["match"]["macaddress"])
    if "mtu" in config:
        expected.append(f"MTUBytes={config['mtu']}")
    expected += ["Address=" + address for address in config.get("addresses", [])]
    expected += ["Gateway=" + route["via"] for route in config.get("routes", [])]
    expected += ["Gateway=" + config["gateway6"]] if "gateway6" in config else []
    nameservers = config.get("nameservers", {})
    servers, search = nameservers.get("addresses", []), nameservers.get("search", [])
    expected += ["DNS=" + " ".join(servers)] if servers else []
    expected += ["Domains=" + " ".join(search)] if search else []
    # cloud-init 22.4.2 turns a route to ::/0 into one to ::/64, so only a gateway on the link, which
    # its networkd does not know either, is written as one: docs/cloud-init.md.
    routes = ["Destination=" + route["to"] for route in config.get("routes", [])]
    if NUMBER < (23, 3) and any(route.get("on-link") for route in config.get("routes", [])):
        routes.append("Destination=::/64")
    strange = [line for line in lines if line.startswith("Destination=") and line not in routes]
    if strange:
        return f"nobody asked for {strange}"
    missing = [line for line in expected if line not in lines]
    return f"{missing} not in {lines}" if missing else None


def main():
    # The check must be able to fail: a broken seed is refused.
    with tempfile.TemporaryDirectory() as folder:
        broken = pathlib.Path(folder) / "user-data"
        broken.write_text("#cloud-config\nhostname: [x]\n")
        if accepts("--config-file", str(broken)) is None:
            sys.exit(f"{release}: the schema check accepts anything")
        broken.write_text("#cloud-config\nhostname: x\nusers: [{name: a, ssh-authorized-keys: [x]}]\n")
        if accepts("--config-file", str(broken)) is None:
            sys.exit(f"{release}: the schema check overlooks deprecations")

    wrong, seen = [], 0
    for user_data in sorted(seeds.glob("*/*/user-data")):
        seed = user_data.parent
        problems = [accepts("--config-file", str(user_data)), networkd(seed)]
        if HAS_NETWORK_SCHEMA:
            problems.append(accepts_network(seed))
        wrong += [f"{seed.relative_to(seeds)}: {problem}" for problem in problems if problem]
        seen += 1
    print(f"cloud-init {version.version_string()} ({release}): {seen} seeds, {len(wrong)} problems")
    if wrong or not seen:
        sys.exit("\n".join(wrong) or "no seeds")


main()
