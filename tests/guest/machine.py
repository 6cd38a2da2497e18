"""A virtual machine under QEMU, without KVM, with the devices that PVE gives it."""

import base64
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import time

# Seconds for a login, and again for the end of the boot. An idle machine needs two minutes.
LIMIT = 3600
SERVER, FACTS = pathlib.Path("tests/guest/server.py"), pathlib.Path("tests/guest/facts.py")


class Machine:
    """One disk, and the runs of QEMU on it."""

    def __init__(self, image, disk, work, server):
        self.image, self.disk, self.work, self.server = image, disk, work, server
        self.serial, self.agent = work / "serial", work / "agent"
        self.process = None

    def clone(self, work):
        """Returns a machine with a copy of the disk."""
        work.mkdir()
        return Machine(self.image, shutil.copy(self.disk, work), work, self.server)

    def start(self, seed, address, macs, uuid):
        """Boots with this seed, and returns at once."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = [word for option in self._options(seed, address, macs, uuid) for word in ("-" + option).split(" ", 1)]
        # It must not outlive this program.
        command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", *words]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def _options(self, seed, address, macs, uuid):
        ssh = f"hostfwd=tcp:127.0.0.1:{self.port}-{address}:22"
        server = f"guestfwd=tcp:10.0.2.100:44443-cmd:{sys.executable} {SERVER} {self.server}"
        return [
            "accel tcg", "cpu max", "smp 1", "m 1024", "display none", "nodefaults", f"uuid {uuid}",
            f"kernel {self.image}/vmlinuz", f"initrd {self.image}/initrd.img",
            "append root=LABEL=root ro console=tty0 console=ttyS0,115200",
            f"chardev file,id=serial0,path={self.serial},append=on", "serial chardev:serial0",
            f"drive if=none,id=virtio0,file={self.disk},discard=unmap,cache=unsafe",
            "device virtio-blk-pci,drive=virtio0",
            # As PVE attaches scsi30 to virtio-scsi-single: qemu-server, PVE/QemuServer.pm, print_drivedevice_full.
            f"drive if=none,id=scsi30,file={seed},format=raw",
            "device virtio-scsi-pci,id=virtioscsi30",
            "device scsi-hd,bus=virtioscsi30.0,channel=0,scsi-id=0,lun=30,drive=scsi30",
            # net1 before net0: the kernel finds it first, and names must come from the MACs.
            "netdev user,id=net1,restrict=on,net=10.0.3.0/24,ipv6=off",
            f"device virtio-net-pci,netdev=net1,mac={macs[1]}",
            f"netdev user,id=net0,restrict=on,{ssh},{server}",
            f"device virtio-net-pci,netdev=net0,mac={macs[0]}",
            f"chardev socket,id=qga0,path={self.agent},server=on,wait=off",
            "device virtio-serial-pci",
            "device virtserialport,chardev=qga0,name=org.qemu.guest_agent.0",
        ]

    def wait(self, what, attempt):
        """Tries until there is a result, which may be false, and returns it."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"QEMU has ended with {self.process.returncode}: no {what}")
            result = attempt()
            if result is not None:
                return result
            time.sleep(2)
        raise TimeoutError(f"no {what} in {LIMIT} s")

    def ssh(self, user, key, command, stdin=""):
        """Runs a command in the guest. The host key of the first login is the only one that counts."""
        options = ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=accept-new", "LogLevel=ERROR",
            f"UserKnownHostsFile={self.work}/known_hosts", "HostKeyAlias=guest", "ConnectTimeout=60"]
        words = [word for option in options for word in ("-o", option)]
        return subprocess.run(["ssh", "-F", "none", "-p", str(self.port), "-i", key, *words, f"{user}@127.0.0.1", command],
            input=stdin, capture_output=True, text=True, timeout=LIMIT)

    def answer(self, user, key):
        """Returns sshd's answer to a login: True, False, or None when it does not answer yet."""
        done = self.ssh(user, key, "true")
        # Until the boot is over, pam_nologin sends users away, but only those whose key is right.
        if done.returncode == 0 or "booting up" in done.stderr:
            return True
        if "verification failed" in done.stderr:
            raise RuntimeError(f"another host key: {done.stderr}")
        return False if "Permission denied (publickey" in done.stderr else None

    def first_answer(self, user, key):
        return self.wait("answer of sshd", lambda: self.answer(user, key))

    def facts(self, user, key, paths):
        """Waits for the end of the boot, and returns what facts.py finds in the guest."""
        self.wait("login", lambda: True if self.ssh(user, key, "true").returncode == 0 else None)
        self.ssh(user, key, "cloud-init status --wait")
        done = self.ssh(user, key, f"sudo -n python3 - {' '.join(paths)}", FACTS.read_text())
        if done.returncode != 0:
            raise RuntimeError(f"facts.py: {done.stderr}")
        return json.loads(done.stdout)

    def agent_reads(self, path):
        """Returns a JSON file that the agent reads, as it does for `pve-apply --wait cloud-init`."""
        handle = self._ask("guest-file-open", path=path)
        content = self._ask("guest-file-read", handle=handle)["buf-b64"]
        self._ask("guest-file-close", handle=handle)
        return json.loads(base64.b64decode(content))

    def _ask(self, command, **arguments):
        with self._connect(command, arguments) as channel:
            channel.settimeout(LIMIT)
            return json.loads(channel.makefile().readline())["return"]

    def _connect(self, command, arguments):
        channel = socket.socket(socket.AF_UNIX)
        channel.connect(str(self.agent))
        channel.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        return channel

    def shut_down(self):
        """Shuts down through the agent, as PVE does. The agent does not answer."""
        with self._connect("guest-shutdown", {}):
            self.process.wait(LIMIT)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def last_lines(self):
        """Returns the end of what the guest has written to its serial console."""
        text = self.serial.read_text(errors="replace") if self.serial.exists() else "no serial console"
        return "\n".join(text.split("\n")[-80:])
