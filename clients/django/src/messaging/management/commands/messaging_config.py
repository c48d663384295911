"""`manage.py messaging_config > parley.toml`: Parley's configuration for this project."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List

from django.core.management.base import BaseCommand

from messaging import backend, binary, project
from messaging.proxy.target import BadUrl, Target

PORT = 8001  # beside Django's 8000
NOT_AVAILABLE = "# not available in this version: "


class Command(BaseCommand):
    help = "Prints parley.toml for this project. It contains secrets: run chmod 600 parley.toml."
    requires_system_checks: List[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        program = binary.find()
        known = binary.options(program) if program else None
        self.stdout.write(render({**_address(), **project.options()}, known), ending="")


def _address() -> project.Options:
    """Where Parley listens: at PARLEY_URL if that is on this machine."""
    try:
        target = Target.parse(backend.parley_url() or f"http://127.0.0.1:{PORT}")
    except BadUrl:
        target = Target("127.0.0.1", PORT, False, "")
    if target.path:
        return {"uds": target.path}
    if target.host in ("localhost", "127.0.0.1", "::1"):
        return {"host": "127.0.0.1", "port": target.port}
    return {"host": "0.0.0.0", "port": target.port}


def render(options: project.Options, known: "frozenset[str] | None") -> str:
    """TOML. Options that the installed version does not have are comments; without a version none is."""
    lines = [
        f"# Parley's configuration for {os.environ.get('DJANGO_SETTINGS_MODULE')}, written by manage.py messaging_config.",
        "# It contains secrets: chmod 600 parley.toml",
    ]
    if options.get("auth.public_key"):
        lines.append("# Save the public key of your tokens (SIMPLE_JWT['VERIFYING_KEY']) as jwt_public_key.pem.")
    sections: Dict[str, List[str]] = {}
    for name, value in options.items():
        section, _, key = name.rpartition(".")
        mark = "" if known is None or name in known else NOT_AVAILABLE
        sections.setdefault(section, []).append(f"{mark}{key} = {json.dumps(value, ensure_ascii=False)}")
    for section, rows in sections.items():
        mark = NOT_AVAILABLE if all(row.startswith(NOT_AVAILABLE) for row in rows) else ""
        lines += ["", *([f"{mark}[{section}]"] if section else []), *rows]
    return "\n".join(lines) + "\n"
