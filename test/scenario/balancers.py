"""Runs nginx and HAProxy in front of nodes, with settings as in production, on a free port."""
import shutil
import subprocess
import tempfile

from deadline import eventually
from server import free_port
import socket

NGINX = """
daemon off; master_process on; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream parley {{
    {servers}
  }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass http://parley;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_read_timeout 75s;
      proxy_next_upstream error timeout http_502 http_503;
    }}
  }}
}}
"""

HAPROXY = """
global
  maxconn 4000
defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 75s
  timeout tunnel 1h
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response
frontend clients
  bind 127.0.0.1:{port}
  default_backend parley
backend parley
  balance leastconn
  option httpchk GET /readyz
  http-check expect status 200
  default-server inter 250ms fall 1 rise 1
  {servers}
"""


class ProxyProgram:
    """nginx or HAProxy with the configuration `text`, whose {directory} and {port} are filled in."""

    def __init__(self, kind, text, **values):
        self.directory = tempfile.mkdtemp(prefix=f"parley-{kind}-")
        self.port = free_port()
        with open(f"{self.directory}/conf", "w") as conf:
            conf.write(text.format(directory=self.directory, port=self.port, **values))
        command = {"nginx": ["-p", self.directory, "-c"], "haproxy": ["-W", "-q", "-f"]}[kind]
        program = shutil.which(kind, path="/usr/sbin:/usr/bin")
        assert program, f"{kind} is not installed: './dev test' installs it"
        self.process = subprocess.Popen([program, *command, f"{self.directory}/conf"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        eventually(self._listens)

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.directory, ignore_errors=True)


class Balancer(ProxyProgram):
    def __init__(self, kind, addresses):
        self.kind = kind
        if kind == "nginx":
            text, servers = NGINX, "\n    ".join(f"server {address} max_fails=1 fail_timeout=1s;" for address in addresses)
        else:
            text, servers = HAPROXY, "\n  ".join(f"server node{number} {address} check" for number, address in enumerate(addresses))
        super().__init__(kind, text, servers=servers)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"
