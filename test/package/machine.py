"""A Debian 12 with a running systemd, in namespaces of this machine: its own processes, mounts, network and cgroups."""
import contextlib
import ctypes
import os
import shutil
import subprocess
import tempfile

from deadline import eventually, patient

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BARE = f"{ROOT}/build/machine"  # made by './dev package-test'
CGROUPS = next((path for path in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if os.path.exists(f"{path}/cgroup.procs")), None)
CLONE_NEWNET = 0x40000000

# Becomes the first process of the machine. /proc/sys stays read-only: some of its values are those of the whole kernel.
BOOT = """
set -e
mount --make-rprivate /
mount --bind "$0" "$0"
cd "$0"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
ip link set lo up
pivot_root . mnt
cd /
umount -l /mnt
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
"""


class Root:
    """A copy of the bare Debian, in which commands run by chroot."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="parley-root-")
        subprocess.run(["cp", "-a", f"{BARE}/.", self.path], check=True)

    def file(self, path):
        return self.path + path

    def read(self, path):
        with open(self.file(path)) as file:
            return file.read()

    def write(self, path, text):
        with open(self.file(path), "w") as file:
            file.write(text)

    def command(self, *arguments):
        return ["chroot", self.path, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", *arguments]

    def run(self, *arguments, check=True, within=120):
        ran = subprocess.run(self.command(*arguments), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             timeout=patient(within))
        assert not check or ran.returncode == 0, f"{arguments}: {ran.returncode}\n{ran.stdout}"
        return ran if not check else ran.stdout

    def shell(self, text, **options):
        return self.run("sh", "-ec", "cd /root; " + text, **options)

    def install(self, package, command):
        """Runs the command that installs a package file; apt installs what it depends on."""
        os.makedirs(self.file("/root/build/package"))
        shutil.copy(package, self.file("/root/build/package"))
        self.run("apt-get", "-q", "update", within=300)
        return self.shell(command, within=600)

    def close(self):
        shutil.rmtree(self.path)


class Machine(Root):
    """A root whose systemd runs after boot()."""

    first = None  # the process id of its systemd

    def boot(self):
        assert CGROUPS, "no cgroup v2 is mounted"
        self.cgroup = f"{CGROUPS}/parley-machine-{os.getpid()}"
        os.makedirs(self.cgroup, exist_ok=True)

        def enter():
            with open(f"{self.cgroup}/cgroup.procs", "w") as processes:
                processes.write(str(os.getpid()))

        self.process = subprocess.Popen(
            ["unshare", "--fork", "--kill-child", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "bash", "-c", BOOT, self.path],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=enter)
        self.first = eventually(self._first_process, within=20)
        eventually(lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip() == "running", within=60,
                   describe=lambda: self.run("systemctl", "--failed", check=False).stdout)
        return self

    def _first_process(self):
        """Returns the process that is number 1 in the machine, once it is systemd."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            for child in children.read().split():
                if os.readlink(f"/proc/{child}/exe").endswith("systemd"):
                    return int(child)

    def command(self, *arguments):
        if not self.first:
            return super().command(*arguments)
        return ["nsenter", "-t", str(self.first), "--all", *super().command(*arguments)[2:]]

    @contextlib.contextmanager
    def network(self):
        """Sockets that this thread opens meanwhile are in the machine's network."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as ours, open(f"/proc/{self.first}/ns/net") as theirs:
            assert libc.setns(theirs.fileno(), CLONE_NEWNET) == 0
            try:
                yield
            finally:
                assert libc.setns(ours.fileno(), CLONE_NEWNET) == 0

    def close(self):
        self.process.kill()  # and its first process, by --kill-child
        self.process.wait()
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            eventually(lambda folder=folder: self._removed(folder))
        super().close()

    @staticmethod
    def _removed(folder):
        with contextlib.suppress(OSError):
            os.rmdir(folder)
        return not os.path.exists(folder)
