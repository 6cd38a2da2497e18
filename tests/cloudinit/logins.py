"""Checks what one release's cloud-init does with SSH keys when a seed replaces another one."""

import contextlib
import logging
import pathlib
import subprocess
import sys
import tempfile
import types
from unittest import mock

import cloudinit
import yaml
from cloudinit import ssh_util, util, version
from cloudinit.config import cc_write_files, cc_write_files_deferred

release, seeds = sys.argv[1], pathlib.Path(sys.argv[2])
OLD = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQh old"
ROOT = pathlib.Path(cloudinit.__file__).parents[5]


def check(what, got, wanted):
    if got != wanted:
        sys.exit(f"{release}: {what}:\n  {got!r} instead of\n  {wanted!r}")


def order():
    """bootcmd, then users, then SSH, all before sshd starts; deferred files after them."""
    config = yaml.safe_load((ROOT / "etc/cloud/cloud.cfg").read_text())
    stage = [name.replace("_", "-") for name in config["cloud_init_modules"]]
    wanted = ["bootcmd", "users-groups", "ssh"]
    check("order of the modules", [name for name in stage if name in wanted], wanted)
    final = [name.replace("_", "-") for name in config["cloud_final_modules"]]
    check("deferred files", final.count("write-files-deferred"), 1)
    units = [ROOT / folder / unit for folder in ("lib/systemd/system", "usr/lib/systemd/system")
        for unit in ("cloud-init.service", "cloud-init-network.service")]
    text = "".join(unit.read_text() for unit in units if unit.exists())
    check("the stage is over before sshd starts", "Before=sshd.service" in text.split("\n"), True)


def handle(module, config):
    """Runs one of cloud-init's modules, whose arguments differ between the releases."""
    cloud = types.SimpleNamespace(distro=types.SimpleNamespace(default_owner="root:root"), paths=None)
    log = [logging.getLogger()] if version.version_string() < "23" else []
    module.handle("test", config, cloud, *log, [])


def deferred(config, keys, home):
    """The deferred file replaces one with an old key, and is not written before users exist."""
    (home / ".ssh").mkdir()
    file = home / ".ssh/authorized_keys"
    file.write_text(OLD + "\n")
    (ours, *_) = [f for f in config["write_files"] if f["path"].endswith("/.ssh/authorized_keys")]
    owners = []
    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch.object(util, "chownbyname", lambda *args: owners.append(args[1:])))
        if hasattr(util, "fetch_ssl_details"):
            patches.enter_context(mock.patch.object(util, "fetch_ssl_details", lambda paths: {}))
        only = {"write_files": [{**ours, "path": str(file)}]}
        handle(cc_write_files, only)
        check("written before users are there", file.read_text(), OLD + "\n")
        handle(cc_write_files_deferred, only)
    check("deferred file", file.read_text(), "".join(key + "\n" for key in keys))
    check("its mode", oct(file.stat().st_mode & 0o7777), "0o600")
    check("its owner", owners[-1][0], config["users"][0]["name"])


def added(keys, home):
    """cloud-init's own users module appends to an existing file; after bootcmd there is none."""
    file = home / ".ssh/authorized_keys"
    password = types.SimpleNamespace(pw_dir=str(home), pw_name="x")
    with mock.patch.object(ssh_util, "users_ssh_info", lambda name: (str(home / ".ssh"), password)), \
            mock.patch.object(ssh_util, "check_create_path", lambda *_: True):
        file.write_text(OLD + "\n")
        ssh_util.setup_user_keys(set(keys), "x")
        check("cloud-init by itself keeps an old key", OLD in file.read_text(), True)
        file.unlink()
        ssh_util.setup_user_keys(set(keys), "x")
    check("keys after the command", sorted(file.read_text().splitlines()), sorted(keys))


def command(config, folder):
    """cloud-init's shell script for bootcmd passes on every word as rendered."""
    (words,) = config["bootcmd"]
    # A replacement for the shell in the command.
    shell = folder / "shell"
    shell.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n')
    shell.chmod(0o755)
    script = util.shellify([[str(shell), *words[1:]]])
    done = subprocess.run(["sh"], input=script.encode(), capture_output=True)
    check("bootcmd", done.stdout.decode().split("\0")[:-1], words[1:])
    syntax = subprocess.run([words[0], "-n"], input=words[2].encode(), capture_output=True)
    check("syntax of the command", (syntax.returncode, syntax.stderr), (0, b""))


def main():
    order()
    seen = 0
    for user_data in sorted(seeds.glob("*/*/user-data")):
        config = yaml.safe_load(user_data.read_text())
        keys = config["users"][0].get("ssh_authorized_keys", [])
        paths = [file["path"] for file in config.get("write_files", [])]
        written = any(path.endswith("/.ssh/authorized_keys") for path in paths)
        check(f"{user_data}: a file without keys", written and not keys, False)
        with tempfile.TemporaryDirectory() as folder:
            command(config, pathlib.Path(folder))
            if keys:
                deferred(config, keys, pathlib.Path(folder))
                added(keys, pathlib.Path(folder))
                seen += 1
    print(f"cloud-init {version.version_string()} ({release}): the keys of {seen} seeds")
    if not seen:
        sys.exit("no seeds with keys")


main()
