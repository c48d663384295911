"""A private PostgreSQL server with fsync, which a test can kill, pause and restart."""
import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from deadline import eventually, patient
from server import free_port


def programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    assert found, "PostgreSQL is not installed: './dev test' installs it"
    return found[-1]


# Bytes that must be free in memory. A server's files take 40 to 500 MB, and up to 20 servers run at once.
ROOM = 6 << 30


def place():
    """Returns the directory of the servers' files: in memory if there is room. Creating thousands of small files on ext4 takes more CPU
    than all other work of the scenarios; no scenario cuts the power."""
    def free(directory):
        found = os.statvfs(directory)
        return found.f_bavail * found.f_frsize
    with open("/proc/meminfo") as lines:
        available = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    roomy = os.path.isdir("/dev/shm") and min(free("/dev/shm"), available) > ROOM
    return "/dev/shm" if roomy else tempfile.gettempdir()


class Holder:
    """A client in a transaction that holds locks."""

    def __init__(self, client):
        self.client = client

    def await_waiting(self, count=1, within=10):
        """Waits until that many clients wait for a lock, or for that many seconds. The server looks every few milliseconds: a
        node waits for 100 ms at a time, which a client that is started for each look can miss."""
        self.client.stdin.write(f"""
            DO $$ DECLARE until timestamptz := clock_timestamp() + interval '{patient(within)} s'; BEGIN
              WHILE clock_timestamp() < until AND (SELECT count(*) FROM pg_locks WHERE NOT granted) < {count} LOOP
                PERFORM pg_sleep(0.005);
              END LOOP;
            END $$;
            \\echo looked\n""")
        self.client.stdin.flush()
        assert "looked\n" in iter(self.client.stdout.readline, ""), "the server has ended"


class Postgres:
    def __init__(self, *settings, data_of=None):
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        self.directory = tempfile.mkdtemp(prefix="parley-pg-", dir=place())
        if self.user:
            os.chown(self.directory, self.user.pw_uid, self.user.pw_gid)
        self.port = free_port()
        self.settings = settings
        self.process = None
        if data_of:
            self.run_server_program("pg_basebackup", "-D", f"{self.directory}/data", "-R", "-X", "stream", "-c", "fast", "-h", "127.0.0.1",
                                    "-p", str(data_of.port), "-U", "parley")
        else:
            self.run_server_program("initdb", f"--pgdata={self.directory}/data", "--username=parley", "--auth=trust", "--encoding=UTF8",
                                    "--locale=C.UTF-8", "--no-sync")

    def run(self, program, *arguments, **options):
        done = subprocess.run([f"{programs()}/{program}", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=patient(60), **options)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def run_server_program(self, program, *arguments):
        return self.run(program, *arguments, **self.as_user())

    def as_user(self):
        if not self.user:
            return {"cwd": self.directory}
        return {"cwd": self.directory, "user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    @property
    def url(self):
        return f"postgres://parley@127.0.0.1:{self.port}/postgres"

    def start(self):
        self.log = open(f"{self.directory}/log", "ab")
        settings = [word for setting in (f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self.directory}",
                                         *self.settings) for word in ("-c", setting)]
        self.process = subprocess.Popen([f"{programs()}/postgres", "-D", f"{self.directory}/data", *settings],
                                        stdout=self.log, stderr=self.log, **self.as_user())
        eventually(self.ready, within=60)
        return self

    def ready(self):
        return subprocess.run([f"{programs()}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0

    def ask(self, sql):
        """Returns the output of psql: rows, tuples only."""
        return self.run("psql", "-X", "-q", "-t", "-A", "-h", "127.0.0.1", "-p", str(self.port), "-U", "parley", "postgres", "-c", sql).strip()

    def standby(self):
        """Starts a standby that replicates this server, and may lag behind it."""
        made = Postgres(*self.settings, data_of=self)
        return made.start()

    def catch_up_with(self, primary):
        """On a standby: waits until it has replayed all commits of its primary."""
        written = primary.ask("SELECT pg_current_wal_lsn()")
        eventually(lambda: self.ask(f"SELECT pg_last_wal_replay_lsn() >= '{written}'") == "t", within=30)

    def stop_following(self):
        """On a standby: stops replay, so that later commits of the primary are lost when this server is promoted."""
        self.ask("ALTER SYSTEM SET primary_conninfo = ''")
        self.ask("SELECT pg_reload_conf()")
        eventually(lambda: self.ask("SELECT count(*) FROM pg_stat_wal_receiver") == "0")

    def promote(self):
        assert self.ask("SELECT pg_promote()") == "t"

    def kill(self):
        """Kills the server at once, as a power failure does."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(patient(30))

    def crash(self):
        """Kills every backend at once, as the out-of-memory killer does; the server recovers by itself. Commits that were not flushed
        are lost, and the server assigns the ids of the lost transactions again."""
        started = self._starts()
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            victims = children.read().split()
        for process in map(int, victims):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        eventually(lambda: self._starts() > started and self.ready(), within=30)

    def _starts(self):
        """Returns how many times the server became ready to accept connections."""
        with open(f"{self.directory}/log") as log:
            return log.read().count("database system is ready to accept connections")

    @contextlib.contextmanager
    def holding(self, *statements):
        """Runs these statements in a transaction of another client, which keeps its locks while the block lasts."""
        command = [f"{programs()}/psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", "parley", "postgres"]
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            client.stdin.write("".join(f"{statement};\n" for statement in ("BEGIN", *statements)) + "\\echo held\n")
            client.stdin.flush()
            lines = iter(client.stdout.readline, "")
            assert "held\n" in lines, "the statements failed"
            yield Holder(client)
        finally:
            client.communicate("ROLLBACK;\n", timeout=patient(30))

    def pause(self):
        for process in self.processes():
            try:
                os.kill(process, signal.SIGSTOP)
            except ProcessLookupError:
                pass

    def resume(self):
        for process in self.processes():
            try:
                os.kill(process, signal.SIGCONT)
            except ProcessLookupError:
                pass  # the backend has ended meanwhile

    def processes(self):
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], stdout=subprocess.PIPE, text=True).stdout.split()
        return [self.process.pid, *map(int, children)]

    def close(self):
        if self.process and self.process.poll() is None:
            self.resume()
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
