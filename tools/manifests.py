#!/usr/bin/env python3
"""Renders deploy/kubernetes with kustomize and deploy/helm with Helm, validates every object, lints the chart, and compares
both with each other and with the loader of the scenarios (test/scenario/kustomize.py).

    tools/manifests.py KUSTOMIZE HELM    the paths of both programs
"""
import base64
import contextlib
import difflib
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import kubernetes_validate

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "scenario"))
import kustomize  # noqa: E402

VERSIONS = ("1.30", "1.37")
CHART = ROOT / "deploy" / "helm" / "parley"
SECRETS = {"JWT_SECRET_KEY": "j" * 64, "POSTGRES_PASSWORD": "p" * 64}
SECRETS["DATABASE_URL"] = f"postgres://parley:{SECRETS['POSTGRES_PASSWORD']}@postgres-service:5432/parley"
HASH = re.compile(r"^(messaging-app)-[0-9a-z]{10}$")
HELM_ONLY = ("app.kubernetes.io/", "helm.sh/", "checksum/")


def run(*words):
    done = subprocess.run(list(map(str, words)), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}:\n{done.stdout}{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def folder_with_secrets():
    """A copy of deploy/kubernetes with a secrets.env, which the repository does not have."""
    with tempfile.TemporaryDirectory() as directory:
        copy = pathlib.Path(directory) / "kubernetes"
        shutil.copytree(ROOT / "deploy" / "kubernetes", copy)
        (copy / "base" / "secrets.env").write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
        yield copy


def normal(value, key=None):
    """Without what only one of the tools adds: hashes in names, labels of Helm, and null."""
    if isinstance(value, dict):
        if value.get("kind") == "Secret":  # kustomize wraps long lines
            value = value | {"data": {name: base64.b64decode(text).decode() for name, text in value["data"].items()}}
        kept = {name: normal(inner, name) for name, inner in value.items() if inner is not None and not name.startswith(HELM_ONLY)}
        return {name: inner for name, inner in kept.items() if name != "namespace" or not isinstance(inner, str)}
    if isinstance(value, list):
        return [normal(inner, key) for inner in value]
    if key == "name" and isinstance(value, str) and HASH.match(value):
        return HASH.match(value)[1]
    return value


def compare(what, left, right):
    """Prints the differences of two lists of objects, and returns whether there are none."""
    one, other = (kustomize.describe(normal(each) for each in objects if each["kind"] != "Namespace") for objects in (left, right))
    equal = True
    for name in sorted(set(one) | set(other)):
        lines = list(difflib.unified_diff(one.get(name, "").splitlines(), other.get(name, "").splitlines(), lineterm="", n=1))
        if lines:
            print(f"{what}: {name} differs", *lines, sep="\n")
            equal = False
    return equal


def check(kustomize_program, helm):
    good = True
    set_secrets = [f"--set=secrets.jwtSecretKey={SECRETS['JWT_SECRET_KEY']}", f"--set=secrets.postgresPassword={SECRETS['POSTGRES_PASSWORD']}"]
    with folder_with_secrets() as folder:
        for overlay in "production", "managed-database", "minimal":
            values = CHART / "ci" / f"{overlay}-values.yaml"
            print(run(helm, "lint", "--strict", CHART, "-f", values, "--set=secrets.databaseUrl=postgres://elsewhere/parley").strip())
            built = kustomize.load(run(kustomize_program, "build", folder / "overlays" / overlay))
            url = [f"--set=secrets.databaseUrl={SECRETS['DATABASE_URL']}"] if overlay == "managed-database" else []
            chart = kustomize.load(run(helm, "template", "messaging", CHART, "--kube-version", VERSIONS[0], "-f", values, *set_secrets, *url))
            for each in (*built, *chart):
                for version in VERSIONS:
                    kubernetes_validate.validate(each, version, strict=True)
            good &= compare(f"{overlay}: loader and kustomize", kustomize.build(folder / "overlays" / overlay), built)
            good &= compare(f"{overlay}: kustomize and chart", built, chart)
            print(f"{overlay}: {len(built)} objects of kustomize and {len(chart)} of the chart are valid for {', '.join(VERSIONS)}")
    [line] = re.findall(r"^helm install (messaging (?:.*\\\n)*.*)$", (ROOT / "docs" / "kubernetes.md").read_text(), flags=re.M)
    documented = kustomize.load(run(helm, "template", "--kube-version", VERSIONS[0], *shlex.split(line.replace("\\\n", " ").replace("deploy/helm/parley", str(CHART)))))
    good &= any(each["kind"] == "Ingress" for each in documented)
    for refused in ("shards=0", "replicas=many", "noSuchValue=1", "secrets.jwtSecretKey=short", "postgres.enabled=false"):
        done = subprocess.run([helm, "template", "messaging", CHART, "--kube-version", VERSIONS[0], "--set", refused], capture_output=True, text=True)
        if done.returncode == 0:
            print(f"the chart accepts {refused}")
            good = False
    without = kustomize.load(run(helm, "template", "messaging", CHART, "--kube-version", VERSIONS[0], "--set=redis.enabled=false,postgres.enabled=false",
                                 "--set=redis.url=redis://elsewhere:6379/0,secrets.databaseUrl=postgres://elsewhere/parley"))
    good &= not [each for each in without if "redis" in each["metadata"]["name"] or "postgres" in each["metadata"]["name"]]
    own = kustomize.load(run(helm, "template", "messaging", CHART, "--kube-version", VERSIONS[0], "--set=secrets.existingSecret=ours"))
    good &= not [each for each in own if each["kind"] == "Secret"] and '"name": "ours"' in "".join(kustomize.describe(own).values())
    for each in (*without, *own):
        kubernetes_validate.validate(each, VERSIONS[-1], strict=True)
    return good


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(0 if check(sys.argv[1], sys.argv[2]) else "the manifests differ")
