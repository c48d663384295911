"""Reads /metrics, and the table of metrics in docs/operations.md."""
import pathlib
import re
from dataclasses import dataclass, field

import httpx

from deadline import patient

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = re.compile(r'(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?')
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


@dataclass
class Family:
    type: str
    samples: list = field(default_factory=list)  # (labels, value)
    names: set = field(default_factory=set)  # of the samples, as queries use them

    @property
    def labels(self):
        """The names of all labels, without those that the type requires."""
        return {label for labels, _ in self.samples for label in labels} - {"le"}


def families_of(text):
    """Returns the metric families of a scrape by name, without `parley_`."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            found[name.removeprefix("parley_")] = family = Family(kind)
            family.names = {name + suffix for suffix in SUFFIXES.get(kind, ("",))}
        elif not line.startswith("#"):
            sample = SAMPLE.fullmatch(line)
            assert sample and sample["name"] in family.names, line
            family.samples.append((dict(LABEL.findall(sample["labels"] or "")), float(sample["value"])))
    return found


def scrape(server):
    return families_of(httpx.get(f"{server.url}/metrics", timeout=patient(10)).text)


def values(server, name):
    """Returns the values of a metric by its only label."""
    return {next(iter(labels.values())): value for labels, value in scrape(server)[name].samples}


def documented():
    """Returns (type, label names) by metric, of the table in docs/operations.md."""
    text = (ROOT / "docs/operations.md").read_text()
    rows = {}
    for names, kind in re.findall(r"^\| (`[^|]+`) \| (counter|gauge|histogram|summary)[^|]*\|", text.partition("## Metrics")[2], re.M):
        for name, labels in re.findall(r"`([a-z0-9_]+)(?:\{([a-z_,]+)\})?`", names):
            assert name not in rows, f"{name} has two rows"
            rows[name] = kind, set(labels.split(",")) if labels else set()
    return rows
