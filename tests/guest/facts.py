"""Runs in the guest, as root: prints what cloud-init has made of it, as JSON."""

import grp
import hashlib
import json
import pathlib
import pwd
import subprocess
import sys

HOST_KEYS = list(pathlib.Path("/etc/ssh").glob("ssh_host_*key*"))
# One for each per-instance module that cloud-init has run.
SEMAPHORES = pathlib.Path("/var/lib/cloud/instance/sem")
LEVELS = ["WARNING", "ERROR", "CRITICAL"]
UNITS = ["qemu-guest-agent.service", "homestak-first-boot.timer"]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return {"code": done.returncode, "said": done.stdout + done.stderr}


def text(path):
    path = pathlib.Path(path)
    return path.read_text() if path.exists() else None


def file(path):
    """Returns mode, owner and content."""
    path = pathlib.Path(path)
    if not path.exists():
        return None
    stat = path.stat()
    owner = f"{pwd.getpwuid(stat.st_uid).pw_name}:{grp.getgrgid(stat.st_gid).gr_name}"
    return [f"{stat.st_mode & 0o7777:04o}", owner, path.read_text()]


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


log = text("/var/log/cloud-init.log").split("\n")
print(json.dumps({
    "cloud-init": output("cloud-init", "--version").split()[-1],
    "status": run("cloud-init", "status", "--long"),
    "schema": run("cloud-init", "schema", "--system"),
    "result": json.loads(text("/run/cloud-init/result.json")),
    "stages": json.loads(text("/run/cloud-init/status.json")),
    "complaints": [line for line in log if any(f"[{level}]" in line for level in LEVELS)],
    "instance-id": text("/var/lib/cloud/data/instance-id").strip(),
    "boot": text("/proc/sys/kernel/random/boot_id"),
    "machine-id": text("/etc/machine-id"),
    "host keys": {key.name: hashlib.sha256(key.read_bytes()).hexdigest() for key in HOST_KEYS},
    "semaphores": {done.name: done.stat().st_mtime_ns for done in SEMAPHORES.iterdir()},
    "hostname": [output("hostname"), run("hostname", "-f")["said"].strip()],
    "timezone": output("readlink", "-f", "/etc/localtime"),
    "shadow": {line.split(":")[0]: line.split(":") for line in text("/etc/shadow").split("\n") if line},
    "users": {user.pw_name: [user.pw_dir, user.pw_shell] for user in pwd.getpwall() if user.pw_uid >= 1000},
    "sudo": grp.getgrnam("sudo").gr_mem,
    "sudoers": text("/etc/sudoers.d/90-cloud-init-users"),
    "links": json.loads(output("ip", "-json", "address")),
    "routes": json.loads(output("ip", "-json", "route")) + json.loads(output("ip", "-json", "-6", "route")),
    "resolver": text("/run/systemd/resolve/resolv.conf"),
    "partitions": json.loads(output("sfdisk", "--json", "/dev/vda"))["partitiontable"],
    "blocks": output("stat", "--file-system", "--format", "%b %S", "/").split(),
    "units": {unit: run("systemctl", "is-active", unit)["said"].strip() for unit in UNITS},
    "failed units": output("systemctl", "--failed", "--plain", "--no-legend"),
    "files": {path: file(path) for path in sys.argv[1:]},
}))
