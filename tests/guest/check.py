"""The life of a guest under QEMU, from its first boot to its clone, with the seeds that PVE gets: `make test-guest`.

check.py trixie: image.sh has made target/guest/trixie. What is left after a failure is in target/guest-run.
"""

import pathlib
import shutil
import subprocess
import sys
import time

import expected
from machine import Machine
from pve import Pve

SUITE = sys.argv[1]
IMAGE, WORK = pathlib.Path("target/guest") / SUITE, pathlib.Path("target/guest-run") / SUITE
ADDRESS, OTHER_ADDRESS = "10.0.2.15", "10.0.2.16"
# What a comment of a key may have, and YAML or a shell would misread.
COMMENT = """it's "key #1": $HOME \\n ü"""


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def private_key(name):
    path = WORK / name
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name} {COMMENT}", "-f", path)
    return path


def public(path):
    return path.with_suffix(".pub").read_text().rstrip("\n")


def certificate():
    """Makes the spec server's certificate; returns its fingerprint."""
    key, pem = WORK / "server.key", WORK / "server.pem"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=guest", "-addext", "subjectAltName=IP:10.0.2.100", "-keyout", key, "-out", pem)
    return run("openssl", "x509", "-in", pem, "-noout", "-fingerprint", "-sha256").strip().split("=")[1]


class Life:
    """Boots the guest, and compares what cloud-init has made of it with what the document asks for."""

    def __init__(self):
        self.check = expected.Check()
        self.pve = Pve(WORK, certificate())
        disk = WORK / "disk.qcow2"
        run("qemu-img", "create", "-f", "qcow2", "-b", (IMAGE / "disk.img").resolve(), "-F", "raw", disk, "6G")
        self.machine = Machine(IMAGE, disk, WORK, WORK)

    def apply(self, user, key, address):
        self.user, self.key, self.address = user, key, address
        self.seed = self.pve.apply(user=user, key=public(key), address=address)
        (WORK / "token").write_text(self.pve.vm["auth_token"])

    def boot(self, name, uuid=None, refused=()):
        """Boots, and returns what the guest says. No login of `refused` works, from sshd's first answer on."""
        began = time.monotonic()
        self.check.boot = name
        self.machine.start(self.seed, self.address, self.pve.macs(), uuid or self.pve.uuid())
        for login in refused:
            self.check.equal(f"login of {login}", self.machine.first_answer(*login), False)
        facts = self.machine.facts(self.user, self.key, expected.paths(self.user))
        for login in refused:
            self.check.equal(f"login of {login} at the end", self.machine.answer(*login), False)
        expected.of_each_boot(self.check, facts, self.pve, self.user, self.address)
        expected.of_files(self.check, facts["files"], self.pve, self.user, (WORK / "server.pem").read_text())
        self.check.equal("what the agent reads", self.machine.agent_reads("/run/cloud-init/result.json"), facts["result"])
        self.check.equal("requests to the server", (WORK / "requests").read_text(), expected.REQUESTS)
        self.check.finish()
        print(f"{SUITE}: {name}: {time.monotonic() - began:.0f} s", flush=True)
        return facts

    def lead(self):
        """Leads it from boot to boot; returns the facts of the last one."""
        key, other, stranger = private_key("key"), private_key("other"), private_key("stranger")
        self.apply("homestak", key, ADDRESS)
        first = self.boot("first boot", refused=[("homestak", stranger)])
        expected.of_first_boot(self.check, first)
        self.machine.shut_down()

        again = self.boot("second boot")
        expected.nothing_repeated(self.check, again, first)
        self.machine.ssh("homestak", key, "cat >>.ssh/authorized_keys", public(stranger) + "\n")
        self.check.equal("login by a key that was added inside", self.machine.answer("homestak", stranger), True)
        self.machine.shut_down()

        self.apply("homestak", other, ADDRESS)
        reseeded = self.boot("another key", refused=[("homestak", key), ("homestak", stranger)])
        expected.same_machine(self.check, reseeded, first)
        expected.commands(self.check, reseeded, ["homestak", "homestak"])
        self.machine.shut_down()

        self.apply("ops", other, OTHER_ADDRESS)
        renamed = self.boot("another user and address", refused=[("homestak", other), ("homestak", key)])
        expected.same_machine(self.check, renamed, first)
        expected.locked(self.check, renamed, "homestak")
        expected.commands(self.check, renamed, ["homestak", "homestak", "ops"])
        self.machine.shut_down()

        self.apply("homestak", other, ADDRESS)
        back = self.boot("back to an earlier seed", refused=[("ops", other)])
        expected.same_machine(self.check, back, first)
        self.check.equal("instance-id", back["instance-id"], reseeded["instance-id"])
        expected.locked(self.check, back, "ops")
        commands = ["homestak", "homestak", "ops", "homestak"]
        expected.commands(self.check, back, commands)
        self.machine.shut_down()

        self.machine = self.machine.clone(WORK / "clone")
        clone = self.boot("a clone with the same seed", uuid="7c1ab8a2-51f5-4a57-8f4c-6a0a2d6b7d11")
        expected.own_host_keys(self.check, clone, back)
        expected.commands(self.check, clone, commands)
        self.machine.shut_down()
        return clone


def main():
    began = time.monotonic()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    life = Life()
    try:
        facts = life.lead()
        life.check.finish()
    except Exception as error:
        said = getattr(error, "stderr", None) or ""
        sys.exit(f"{life.machine.last_lines()}\n{SUITE}: {life.check.boot}: {error}\n{said}{life.check.report()}")
    finally:
        life.machine.kill()
    shutil.rmtree(WORK)
    print(f"cloud-init {facts['cloud-init']} ({SUITE}): 6 boots, {life.check.count} comparisons, {time.monotonic() - began:.0f} s")


main()
