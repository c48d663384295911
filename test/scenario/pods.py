"""Runs the Pods of a manifest without Kubernetes: each in a network, mount and UTS namespace of its own, as the manifest's user,
with its environment, volumes and read-only root, on a private network where PostgreSQL and Redis have the names of their
Services. Needs root."""
import ctypes
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import httpx

from deadline import eventually, patient
from kustomize import find, settings_of
from postgres import Postgres
from redis_server import Redis
from server import BINARY, ROOT, free_port, wait_until

NETWORK = "10.88.0"
OUTSIDE = f"{NETWORK}.1"  # databases, ingress controller and clients
CLONE_NEWNET = 0x40000000
PROXY = """
daemon off; master_process off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  {pools}
  {servers}
}}
"""
LOCATIONS_OF = "server {{ listen 127.0.0.1:{port}; {locations} }}"
LOCATION = """
    location {path}/ {{
      proxy_pass http://{upstream}; proxy_http_version 1.1; {settings}
      proxy_set_header Host {host}; proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    }}"""
ANNOTATION = "nginx.ingress.kubernetes.io/"
UNITS = {"proxy-read-timeout": "s", "proxy-send-timeout": "s", "proxy-connect-timeout": "s"}
DIRECTIVES = {"proxy-body-size": "client_max_body_size"}


def on_a_private_network(act):
    """Runs `act` in a thread with a network namespace of its own; processes that it starts share it."""
    failure = []

    def run():
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "unshare")
            command("ip", "link", "set", "lo", "up")
            command("ip", "link", "add", "cluster", "type", "bridge")
            command("ip", "addr", "add", f"{OUTSIDE}/24", "dev", "cluster")
            command("ip", "link", "set", "cluster", "up")
            act()
        except BaseException as error:  # raised again below
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


def command(*words):
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stdout}"


def image():
    """What the last stage of the Dockerfile says of Parley's image."""
    with open(f"{ROOT}/Dockerfile") as file:
        stage = file.read().rpartition("FROM ")[2]
    words = {word: re.search(rf"^{word} (.*)$", stage, re.M)[1] for word in ("ENV", "USER", "EXPOSE", "ENTRYPOINT", "CMD")}
    return {"variables": dict(pair.split("=", 1) for pair in words["ENV"].split()), "user": words["USER"], "port": int(words["EXPOSE"]),
            "command": json.loads(words["ENTRYPOINT"]) + json.loads(words["CMD"])}


class Databases:
    """PostgreSQL and Redis with the arguments of their StatefulSets, on the ports of their Services."""

    def __init__(self, objects, secrets):
        container = find(objects, "StatefulSet", "postgres")["spec"]["template"]["spec"]["containers"][0]
        self.postgres = Postgres("listen_addresses=*", *[word for word in container["args"] if word != "-c"])
        self.postgres.port = find(objects, "Service", "postgres-service")["spec"]["ports"][0]["port"]
        with open(f"{self.postgres.directory}/data/pg_hba.conf", "a") as rules:
            rules.write(f"host all all {NETWORK}.0/24 scram-sha-256\n")
        container = find(objects, "StatefulSet", "redis")["spec"]["template"]["spec"]["containers"][0]
        self.redis = Redis("--bind", "0.0.0.0", *container["args"], port=find(objects, "Service", "redis-service")["spec"]["ports"][0]["port"])
        try:
            self.postgres.start()
            self.postgres.ask("CREATE DATABASE parley")
            self.postgres.ask(f"ALTER USER parley PASSWORD '{secrets['POSTGRES_PASSWORD']}'")
            self.redis.start()
        except BaseException:
            self.close()
            raise

    def close(self):
        self.redis.close()
        self.postgres.close()


class Cluster:
    """Volumes and addresses that the pods of a Deployment share."""

    def __init__(self, objects, services):
        self.objects, self.pods = objects, []
        self.directory = tempfile.mkdtemp(prefix="parley-pods-")
        self.hosts = f"{self.directory}/hosts"
        with open(self.hosts, "w") as hosts:
            hosts.write("127.0.0.1 localhost\n" + "".join(f"{OUTSIDE} {name}\n" for name in services))

    def start(self, deployment):
        self.pods.append(Pod(self, deployment, len(self.pods)))
        return self.pods[-1]

    def close(self):
        for pod in self.pods:
            pod.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Pod:
    def __init__(self, cluster, deployment, number):
        self.cluster, self.name, self.address = cluster, f"messaging-app-{number}", f"{NETWORK}.{number + 11}"
        self.spec = deployment["spec"]["template"]["spec"]
        [self.container] = self.spec["containers"]
        self.ports = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        self.log = f"{cluster.directory}/{self.name}.log"
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo there; exec sleep 3600"], stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"there\n"
        inside = ("nsenter", f"--net=/proc/{self.holder.pid}/ns/net")
        command("ip", "link", "add", f"pod{number}", "type", "veth", "peer", "name", "eth0", "netns", self.holder.pid)
        command("ip", "link", "set", f"pod{number}", "master", "cluster", "up")
        for words in (("addr", "add", f"{self.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up"), ("link", "set", "lo", "up")):
            command(*inside, "ip", *words)
        self.script_file = f"{cluster.directory}/{self.name}.sh"
        with open(self.script_file, "w") as file:
            file.write(self.script())
        self.restarts = -1
        self.run()

    def run(self):
        self.restarts += 1
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "unshare", "--mount", "--uts", "bash", "-e",
                                             self.script_file], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def script(self):
        """Does what a container runtime does, then becomes the container's process."""
        user, group = self.spec["securityContext"]["runAsUser"], self.spec["securityContext"]["runAsGroup"]
        rights = self.container["securityContext"]
        assert self.spec["securityContext"]["runAsNonRoot"] and user != 0
        assert rights == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        lines = ["mount --make-rprivate /", f"hostname {self.name}", f"mount --bind {self.cluster.hosts} /etc/hosts",
                 "mount -t tmpfs tmpfs /opt", "touch /opt/parley", f"mount --bind {shlex.quote(BINARY)} /opt/parley",
                 "mount -t tmpfs tmpfs /var/lib", "mount -t tmpfs tmpfs /mnt"]
        mounts = []
        for mount in sorted(self.container["volumeMounts"], key=lambda each: each["mountPath"]):
            source = self.volume(mount["name"])
            os.chown(source, user, group)  # fsGroup
            lines += [f"mkdir /mnt/{mount['name']}", f"mount --bind {source} /mnt/{mount['name']}"]  # before /tmp is covered
            mounts += [f"mkdir -p {mount['mountPath']}", f"mount --bind /mnt/{mount['name']} {mount['mountPath']}"]
        lines += [*mounts, "umount -R /mnt", "mount -o remount,bind,ro /", "mount -o remount,ro /opt", "mount -o remount,ro /var/lib", "cd /"]
        variables = {"PATH": "/opt:/usr/bin:/bin"} | image()["variables"] | settings_of(self.cluster.objects, self.spec, self.container)
        given = " ".join(shlex.quote(f"{name}={value}") for name, value in variables.items())
        words = shlex.join(self.container["command"] + self.container["args"])
        lines.append(f"exec setpriv --reuid {user} --regid {group} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "
                     f"env -i {given} {words}")
        return "\n".join(lines) + "\n"

    def volume(self, name):
        """The directory of a volume: shared for a claim, the pod's own for an emptyDir."""
        [volume] = [each for each in self.spec["volumes"] if each["name"] == name]
        shared = "persistentVolumeClaim" in volume
        assert shared or "emptyDir" in volume, volume
        path = f"{self.cluster.directory}/volume-{name}" if shared else f"{self.cluster.directory}/{self.name}-{name}"
        os.makedirs(path, exist_ok=True)
        return path

    def output(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def probe(self, kind):
        """Asks once, as the kubelet does."""
        probe = self.container[kind]
        where = probe["httpGet"]
        try:
            answer = httpx.get(f"http://{self.address}:{self.ports[where['port']]}{where['path']}", timeout=patient(probe["timeoutSeconds"]),
                               headers={"User-Agent": "kube-probe/1.37"}, trust_env=False)
        except httpx.TransportError:
            return False
        return 200 <= answer.status_code < 400

    def wait_until_ready(self):
        """Succeeds within what the startup probe allows, and then asks the other probes. A container that exits is restarted, as
        Kubernetes does: of several nodes that start on an empty database, one creates the schema, and others may give up waiting."""
        probe = self.container["startupProbe"]

        def started():
            if self.process.poll() is not None:
                assert self.restarts < 30, f"the container ended with {self.process.returncode}:\n{self.output()}"
                self.run()
            return self.probe("startupProbe")

        eventually(started, within=probe["periodSeconds"] * probe["failureThreshold"], describe=self.output)
        for kind in "livenessProbe", "readinessProbe":
            eventually(lambda: self.probe(kind), within=20, describe=self.output)

    def terminate(self):
        """Runs preStop, sends SIGTERM, and returns the exit status and how much of the grace period is left, in seconds."""
        grace = self.spec["terminationGracePeriodSeconds"]
        end = time.time() + patient(grace)
        wait_until(time.time() + self.container["lifecycle"]["preStop"]["sleep"]["seconds"])
        eventually(lambda: self.probe("readinessProbe"), within=20, describe=lambda: "it serves until SIGTERM")
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(end - time.time()), end - time.time()

    def close(self):
        for process in self.process, self.holder:
            if process.poll() is None:
                process.kill()
            process.wait()


class Ingress:
    """nginx with the settings of an Ingress, as its controller translates them: one port for all pods, and one for each."""

    def __init__(self, ingress, pods):
        self.directory = tempfile.mkdtemp(prefix="parley-ingress-")
        annotations = {name.removeprefix(ANNOTATION): value for name, value in ingress["metadata"]["annotations"].items()}
        assert annotations.pop("ssl-redirect") == "true"
        settings = " ".join(f"{DIRECTIVES.get(name, name.replace('-', '_'))} {value}{UNITS.get(name, '')};" for name, value in annotations.items())
        [rule] = ingress["spec"]["rules"]
        upstreams = {"all": pods} | {pod.name: [pod] for pod in pods}
        self.doors = {name: Door(free_port()) for name in upstreams}
        servers = [LOCATIONS_OF.format(port=self.doors[name].port, locations="".join(
            LOCATION.format(path=path["path"], upstream=name, host=rule["host"], settings=settings) for path in rule["http"]["paths"]))
            for name in upstreams]
        pools = [f"upstream {name} {{ " + " ".join(f"server {pod.address}:{pod.ports['http']};" for pod in members) + " }"
                 for name, members in upstreams.items()]
        with open(f"{self.directory}/conf", "w") as conf:
            conf.write(PROXY.format(directory=self.directory, pools="\n  ".join(pools), servers="\n  ".join(servers)))
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-p", self.directory, "-c", f"{self.directory}/conf"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        eventually(self.listens)

    def listens(self):
        assert self.process.poll() is None, self.process.stderr.read()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.doors["all"].port)) == 0

    def close(self):
        self.process.terminate()
        self.process.communicate(timeout=patient(20))
        shutil.rmtree(self.directory, ignore_errors=True)


class Door:
    """A port of the ingress, as clients see it: like a server."""

    def __init__(self, port):
        self.port, self.address, self.url = port, f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"
