"""Every string round-trips byte for byte through PyYAML, the parser of cloud-init.

For each field at least 10,000 generated values that the field accepts are rendered and read back:
words that YAML 1.1 would make something else of, quotes, indentation, control characters, line
separators, astral characters, scripts of several lines. Texts that end in a shell script go through a real shell as well.
"""

import concurrent.futures
import ipaddress
import json
import multiprocessing
import os
import random
import string
import subprocess
import sys

import yaml

MANY = "target/debug/examples/many"
# PyYAML's own, which cloud-init uses, and libyaml's, which other readers are built on.
LOADERS = [yaml.SafeLoader, yaml.CSafeLoader]
WANTED = 10_000
RANDOM = random.Random("pve-pipeline")

# Strings that YAML 1.1 or a careless template would misread.
WORDS = """
yes no on off y n true false null ~ Null TRUE .inf -.inf .nan 0 -0 0644 0o644 0x1f 0b11 1_000 1e3
1.5e+3 12:30 10:20:30:40:50:59 2026-11-23 2026-11-23T01:02:03Z = << - -- --- ... ? : : & * ! | > % @ `
{} [] {a [a a: b a:b a#b #a 'a "a a' a" \\ \\n !!str !binary &anchor *alias #cloud-config {{x}} ${x} $(x)
""".split() + ["", " ", "a ", " a", "a: b", "a #b", "- a", "? a", "\t", "''", '""', "%YAML 1.1", "## template: jinja"]
ANY = "".join(map(chr, range(1, 0x100))) + "\u0300\u2028\u2029\u200b\ufeff\ufffd\ufffe\uffff😀\U0010ffff日é" + "'\"\\\n\r\t :#-{}[]&*!|>%@`" * 4
PRINTABLE = "".join(c for c in ANY if not (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0))
LOWER, DIGITS = string.ascii_lowercase, string.digits
ALNUM = string.ascii_letters + DIGITS


# Only its comment is free.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFRoaXMgaXMgYW4gZXhhbXBsZSBrZXksIG5vdCByZWFs"


def text(alphabet, low, high):
    return "".join(RANDOM.choices(alphabet, k=RANDOM.randint(low, high)))


def mixed(alphabet, high=40):
    """Returns one of the words above, a random text, or both."""
    word = RANDOM.choice(WORDS)
    kind = RANDOM.random()
    value = word if kind < 0.3 else text(alphabet, 0, high) if kind < 0.8 else word + text(alphabet, 0, 9) + word
    return "".join(c for c in value if c in alphabet)


def script():
    """Some lines, most of them such that a block scalar can hold the text."""
    alphabet = RANDOM.choice([string.printable[:95], "a \t", PRINTABLE, ANY])
    lines = [RANDOM.choice([
        lambda: "",
        lambda: text(" \t", 1, 4),
        lambda: text(" ", 0, 3) + RANDOM.choice(WORDS) + text(" \t", 0, 2),
        lambda: text(" \t", 0, 3) + text(alphabet, 0, 20),
    ])() for _ in range(RANDOM.randint(1, 6))]
    return text("\n", 0, 2) + "\n".join(lines) + text("\n", 0, 3)


def label():
    return RANDOM.choice([
        lambda: RANDOM.choice(["yes", "no", "on", "off", "y", "n", "true", "null", "0644", "1e3", "0x1f", "0b11", "12e03"]),
        lambda: text(DIGITS, 1, 12),
        lambda: text(ALNUM, 1, 1) + text(ALNUM + "-", 0, 30) + text(ALNUM, 1, 1),
    ])()


def zone():
    """A part of a time zone's name starts with an upper-case letter, and may still be a word of YAML 1.1."""
    words = ["Yes", "No", "On", "Off", "Y", "N", "True", "False", "Null", "E3"]
    return RANDOM.choice(words) if RANDOM.random() < 0.3 else text(string.ascii_uppercase, 1, 1) + text(ALNUM + "_-", 0, 20)


def user():
    return RANDOM.choice(["yes", "no", "on", "off", "null", "true", "y", "n"]) if RANDOM.random() < 0.2 else text(LOWER + "_", 1, 1) + text(LOWER + DIGITS + "_-", 0, 31)


def address(version):
    if version == 4:
        net = ipaddress.ip_interface((RANDOM.getrandbits(32), RANDOM.randint(8, 30)))
    else:
        net = ipaddress.ip_interface((0x2001 << 112 | RANDOM.getrandbits(112), RANDOM.randint(32, 126)))
    return net.with_prefixlen, str(net.network.network_address + RANDOM.randint(1, 2))


def token():
    return mixed("".join(c for c in PRINTABLE if not c.isspace() and c not in "\x85\x1c\x1d\x1e\x1f"), 60) or "x"


def document(vm=None, **top):
    vms = [{"name": "edge", "mac": "02:00:00:00:00:01", **(vm or {})}]
    return {"automation_user": "homestak", "ssh_keys": [KEY], "vms": vms, **top}


def scalar(part, prefix):
    """Returns the YAML scalar after a prefix in the one line of a text that starts with it."""
    lines = [line for line in part.split("\n") if line.startswith(prefix)]
    if len(lines) != 1:
        sys.exit(f"{len(lines)} lines begin with {prefix!r}:\n{part}")
    return lines[0][len(prefix):]


class Field:
    """How a field's values are generated, put into documents, and found in the output."""

    def __init__(self, name, value, put, part, prefix=None, find=None, each=1):
        self.name, self.value, self.put, self.part = name, value, put, part
        self.prefix, self.find, self.each = prefix, find, each


def rendered(documents):
    """Renders documents; None where one is refused."""
    lines = "".join(json.dumps(d) + "\n" for d in documents)
    done = subprocess.run([MANY], input=lines.encode(), capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]


def lists(field):
    """A field that is a list: many values in one document, which is parsed as a whole."""
    checked = 0
    while checked < WANTED:
        values = [field.value() for _ in range(field.each)]
        values = list(dict.fromkeys(values))
        (result,) = rendered([field.put(values)])
        if result is None:
            sys.exit(f"{field.name}: refused, of {values[:3]}…")
        for loader in LOADERS:
            got = field.find(yaml.load(result["vms"][0][field.part], loader))
            if got != values:
                pairs = [pair for pair in zip(values, got) if pair[0] != pair[1]]
                sys.exit(f"{field.name}: {pairs[:3] or (len(values), len(got))}")
        checked += len(values)
    return checked


def singles(field):
    """A field that is one value: a document each. A part of them is read as a whole; of the rest the
    scalars are read, many in one text, because PyYAML takes its time."""
    checked = refused = 0
    while checked < WANTED:
        values = [field.value() for _ in range(2_500)]
        results = rendered([field.put(value) for value in values])
        kept = [(v, r["vms"][0][field.part]) for v, r in zip(values, results) if r is not None]
        refused += len(values) - len(kept)
        scalars = "".join(f"- {scalar(part, field.prefix)}\n" for _, part in kept)
        got = yaml.safe_load(scalars)
        wanted = [field.find(value) for value, _ in kept]
        if got != wanted:
            sys.exit(f"{field.name}: {[pair for pair in zip(wanted, got) if pair[0] != pair[1]][:3]}")
        shape = None
        for value, part in kept[:100]:
            keys = outline(yaml.safe_load(part))
            shape = shape or keys
            if keys != shape:
                sys.exit(f"{field.name}: {value!r} changes the structure: {keys}")
        checked += len(kept)
        if refused > 2 * checked + 10_000:
            sys.exit(f"{field.name}: refuses nearly all that is generated")
    return checked


def outline(value):
    """The structure without the texts."""
    if isinstance(value, dict):
        return {key: outline(item) for key, item in value.items()}
    if isinstance(value, list):
        return [outline(item) for item in value]
    return type(value).__name__


def profile():
    """Server and token: through YAML, then through a real shell."""
    checked = 0
    while checked < WANTED:
        values = [("https://" + (token() or "x").lstrip("/:-") + "x", token()) for _ in range(1_000)]
        documents = [document({"auth_token": t}, spec_server=s) for s, t in values]
        script, wanted = [], []
        for (server, secret), result in zip(values, rendered(documents)):
            if result is None:
                continue
            files = yaml.safe_load(result["vms"][0]["user_data"])["write_files"]
            (content,) = [f["content"] for f in files if f["path"] == "/etc/profile.d/homestak.sh"]
            script.append(content + "printf '%s\\0%s\\0' \"$HOMESTAK_SERVER\" \"$HOMESTAK_TOKEN\"\n")
            wanted += [server, secret]
        done = subprocess.run(["sh"], input="".join(script).encode(), capture_output=True)
        got = done.stdout.decode().split("\0")[:-1]
        if done.stderr or got != wanted:
            sys.exit(f"profile script: {done.stderr[:300]} {[p for p in zip(wanted, got) if p[0] != p[1]][:3]}")
        checked += len(wanted) // 2
    return checked


def additions(**cloud_init):
    return document(cloud_init=cloud_init)


def files(key):
    # The first file is that of the SSH keys.
    return lambda read: [item[key] for item in read["write_files"][1:]]


USER, META, NET = "user_data", "meta_data", "network_config"
CRYPT = ALNUM + "./"
same = lambda value: value  # noqa: E731

LISTS = [
    Field("ssh_keys", lambda: KEY + " " + mixed(PRINTABLE) + "x", lambda v: document(ssh_keys=v), USER, find=lambda r: r["users"][0]["ssh_authorized_keys"], each=2_000),
    Field("ssh_keys (file)", lambda: KEY + " " + mixed(PRINTABLE) + "x", lambda v: document(ssh_keys=v), USER, find=lambda r: r["write_files"][0]["content"].split("\n")[:-1], each=2_000),
    Field("packages", lambda: text(ALNUM, 1, 1) + text(ALNUM + "+._:=~", 0, 20).replace("..", ".") + "a", lambda v: document({"packages": v}), USER, find=lambda r: r["packages"][1:], each=2_000),
    Field("cloud_init.packages", lambda: label() + "a", lambda v: additions(packages=v), USER, find=lambda r: r["packages"][1:], each=2_000),
    Field("write_files.content", lambda: mixed(ANY, 80), lambda v: additions(write_files=[{"path": "/x", "content": c} for c in v]), USER, find=files("content"), each=2_000),
    Field("write_files.path", lambda: "/" + mixed(PRINTABLE).replace("/", "") + "x", lambda v: additions(write_files=[{"path": c} for c in v]), USER, find=files("path"), each=2_000),
    Field("write_files.owner", lambda: label() + ":" + label(), lambda v: additions(write_files=[{"path": "/x", "owner": c} for c in v]), USER, find=files("owner"), each=2_000),
    Field("runcmd", lambda: mixed(ANY, 80), lambda v: additions(runcmd=v), USER, find=lambda r: r["runcmd"][2:], each=2_000),
    Field("write_files.content (scripts)", script, lambda v: additions(write_files=[{"path": "/x", "content": c} for c in v]), USER, find=files("content"), each=2_000),
    Field("runcmd (scripts)", script, lambda v: additions(runcmd=v), USER, find=lambda r: r["runcmd"][2:], each=2_000),
    Field("runcmd words (scripts)", script, lambda v: additions(runcmd=[v]), USER, find=lambda r: r["runcmd"][2], each=2_000),
    Field("runcmd words", lambda: mixed(ANY, 80), lambda v: additions(runcmd=[v]), USER, find=lambda r: r["runcmd"][2], each=2_000),
    Field("cloud_init.dns_servers", lambda: address(RANDOM.choice([4, 6]))[1], lambda v: additions(dns_servers=v), NET, find=lambda r: r["ethernets"]["eth0"]["nameservers"]["addresses"], each=2_000),
]
SINGLES = [
    Field("name", label, lambda v: document({"name": v}), USER, "hostname: ", str.lower),
    Field("name (meta-data)", label, lambda v: document({"name": v}), META, "local-hostname: ", str.lower),
    Field("automation_user", user, lambda v: document(automation_user=v), USER, "- name: ", same),
    Field("root_password", lambda: "$6$" + text(CRYPT, 1, 16) + "$" + text(CRYPT, 86, 86), lambda v: document(root_password=v), USER, "  hashed_passwd: ", same),
    Field("cloud_init.timezone", lambda: RANDOM.choice(["", "Etc/"]) + zone(), lambda v: additions(timezone=v), USER, "timezone: ", same),
    Field("cloud_init.domain", lambda: label() + "." + label(), lambda v: additions(domain=v), USER, "fqdn: ", lambda v: "edge." + v),
    Field("mac", lambda: ":".join(f"{RANDOM.getrandbits(8) & (0xFE if i == 0 else 0xFF):02x}" for i in range(6)), lambda v: document({"mac": v}), NET, "      macaddress: ", same),
    Field("mac (digits)", lambda: ":".join(str(RANDOM.randrange(10, 60, 2)) for _ in range(6)), lambda v: document({"mac": v}), NET, "      macaddress: ", same),
]


def networks():
    """Addresses and gateways, of both versions: the network-config is read as a whole."""
    checked = 0
    while checked < WANTED:
        values = [address(RANDOM.choice([4, 6])) for _ in range(1_000)]
        results = rendered([document({"ip": ip, "gateway": gateway}) for ip, gateway in values])
        for (ip, gateway), result in zip(values, results):
            if result is None:
                continue
            eth0 = yaml.safe_load(result["vms"][0][NET])["ethernets"]["eth0"]
            routes = [route["via"] for route in eth0.get("routes", [])]
            if eth0["addresses"] != [ip] or [*routes, *filter(None, [eth0.get("gateway6")])] != [gateway]:
                sys.exit(f"network: {ip} {gateway} became {eth0}")
            checked += 1
    return checked


JOBS = [
    *[(field.name, lambda field=field: lists(field)) for field in LISTS],
    *[(field.name, lambda field=field: singles(field)) for field in SINGLES],
    ("ip and gateway", networks),
    ("spec_server and auth_token, through a shell", profile),
]


def run(number):
    """Runs a job in a process of its own; each has the same values in every run."""
    name, job = JOBS[number]
    RANDOM.seed(f"pve-pipeline {name}")
    return f"{name}: {job()} values"


def main():
    # Processes get the jobs by fork, because a lambda cannot be sent.
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), context) as pool:
        for line in pool.map(run, range(len(JOBS))):
            print(line, flush=True)


main()
