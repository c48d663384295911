"""`manage.py messaging_check`: what is wrong between this project and its Parley, one line per finding."""

from __future__ import annotations

import asyncio
from typing import Any, List

from django.core.management.base import BaseCommand, CommandParser

from messaging import backend, development, diagnosis


class Command(BaseCommand):
    help = "Compares this project with its Parley: key, hosts, prefix, database, Redis, version and clock."
    requires_system_checks: List[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="the address of Parley; by default PARLEY_URL, else the one started in development")

    def handle(self, *args: Any, **options: Any) -> None:
        url = options["url"] or backend.parley_url() or development.running_url()
        findings = asyncio.run(diagnosis.of_server(url)) + diagnosis.of_project()
        for finding in findings:
            self.stdout.write(f"{finding.severity}: {finding.text}")
        errors = sum(finding.severity == "error" for finding in findings)
        if errors:
            self.stdout.write(f"{errors} error(s), {len(findings) - errors} warning(s)")
            raise SystemExit(1)
        self.stdout.write(f"{url}: no errors, {len(findings)} warning(s)")
