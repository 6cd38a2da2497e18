"""The seeds of the guest, made by the whole pipe: pve-apply gives a simulated PVE the very disk that a real one gets."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess

TOOLS = pathlib.Path("target/debug").resolve()
SITE = pathlib.Path("tests/guest/site")
IMAGE = pathlib.Path("examples/site/images/debian-12/debian-12.qcow2")
# The document is kept on its way, to know what the guest must have.
PIPE = """resolve --site {0}/site --env guest --endpoint "$PVE_SIM_ENDPOINT" | mint-token --site {0}/site |
    cloudinit-render | tee {0}/document.json | image-publish | pve-apply apply --reseed --allow-stop"""


class Pve:
    """A node with the one VM of the site, which lasts from one `apply` to the next."""

    def __init__(self, work, fingerprint):
        self.work, self.fingerprint = work, fingerprint
        self.world = work / "world.json"
        self.config = self.document = self.vm = None

    def apply(self, **changing):
        """Applies the site with these values; returns the disk with the VM's seed."""
        self._write_site(**changing)
        volumes = self.work / "volumes"
        shutil.rmtree(volumes, ignore_errors=True)
        before = ["--world", self.world] if self.world.exists() else []
        simulator = ["pve-sim", *before, "--world-after", self.world, "--volumes", volumes]
        path = f"{TOOLS}:{os.environ['PATH']}"
        subprocess.run([*simulator, "--", "sh", "-c", PIPE.format(self.work)], check=True,
            env={**os.environ, "PATH": path, "XDG_CACHE_HOME": str(self.work)}, stdout=subprocess.DEVNULL)
        ((vmid, vm),) = json.loads(self.world.read_text())["vms"].items()
        self.config = vm["config"]
        self.document = json.loads((self.work / "document.json").read_text())
        (self.vm,) = self.document["vms"]
        volume = self.config["scsi30"].split(",")[0]
        return volumes / volume.replace("/", "_").replace(":", "_")

    def macs(self):
        """The MACs of net0 and net1."""
        return [self.config[net].split(",")[0].split("=")[1].lower() for net in ("net0", "net1")]

    def uuid(self):
        """The UUID that the guest sees in SMBIOS."""
        return self.config["smbios1"].removeprefix("uuid=")

    def _write_site(self, user, key, address):
        site = self.work / "site"
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(SITE, site)
        shutil.copy(IMAGE, site / "debian.qcow2")
        values = {"user": user, "key": json.dumps(key, ensure_ascii=False), "address": address,
            "fingerprint": self.fingerprint, "checksum": "sha256:" + hashlib.sha256(IMAGE.read_bytes()).hexdigest()}
        for file in site.rglob("*.yaml"):
            text = file.read_text()
            for name, value in values.items():
                text = text.replace(f"@{name}@", value)
            file.write_text(text)
        (site / "secrets.yaml").chmod(0o600)
