"""Loads deploy/kubernetes as `kustomize build` does, for the fields that its files use. `./dev manifests` compares it with kustomize.
Names of generated ConfigMaps and Secrets have no hash here."""
import base64
import copy
import json
import pathlib

import yaml

KNOWN = {"apiVersion", "kind", "namespace", "resources", "images", "configMapGenerator", "secretGenerator", "patches", "components"}
CLUSTER_KINDS = {"Namespace"}


def build(folder, extra_files=None):
    """Returns the objects of a kustomization. `extra_files` are texts by path, for files that are not in the repository."""
    folder = pathlib.Path(folder).resolve()
    text = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(text) <= KNOWN, f"{folder}: unknown fields {set(text) - KNOWN}"
    objects = []
    for name in text.get("resources", []):
        path = (folder / name).resolve()
        objects += build(path, extra_files) if path.is_dir() else load(path.read_text())
    for kind, generators in (("ConfigMap", text.get("configMapGenerator", [])), ("Secret", text.get("secretGenerator", []))):
        for generator in generators:
            generate(objects, kind, generator, folder, extra_files or {})
    for patch in text.get("patches", []):
        apply_patch(objects, patch, folder)
    for name in text.get("components", []):
        component = yaml.safe_load((folder / name / "kustomization.yaml").read_text())
        assert set(component) == {"apiVersion", "kind", "patches"}, component
        for patch in component["patches"]:
            apply_patch(objects, patch, folder / name)
    for container in containers_of(objects):
        for image in text.get("images", []):
            name, _, _ = container["image"].rpartition(":")
            if name == image["name"]:
                container["image"] = f"{image.get('newName', name)}:{image['newTag']}"
    if "namespace" in text:
        for each in objects:
            if each["kind"] not in CLUSTER_KINDS:
                each["metadata"]["namespace"] = text["namespace"]
    return objects


def load(text):
    return [each for each in yaml.safe_load_all(text) if each]


def containers_of(objects):
    for each in objects:
        template = each.get("spec", {}).get("template")
        yield from template["spec"]["containers"] if template else []


def generate(objects, kind, generator, folder, extra_files):
    assert set(generator) <= {"name", "behavior", "literals", "envs", "options"}, generator
    lines = list(generator.get("literals", []))
    for name in generator.get("envs", []):
        path = folder / name
        text = extra_files[str(path)] if str(path) in extra_files else path.read_text()
        lines += [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    data = dict(line.split("=", 1) for line in lines)
    if kind == "Secret":
        data = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
    if generator.get("behavior") == "merge":
        find(objects, kind, generator["name"])["data"].update(data)
        return
    made = {"apiVersion": "v1", "kind": kind, "metadata": {"name": generator["name"], **generator.get("options", {})}, "data": data}
    objects.append(made | {"type": "Opaque"} if kind == "Secret" else made)


def find(objects, kind, name):
    [found] = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def apply_patch(objects, patch, folder):
    if "target" in patch:
        target = find(objects, patch["target"]["kind"], patch["target"]["name"])
        for step in yaml.safe_load(patch["patch"]):
            apply_step(target, step)
        return
    change = yaml.safe_load(patch.get("patch") or (folder / patch["path"]).read_text())
    target = find(objects, change["kind"], change["metadata"]["name"])
    if change.get("$patch") == "delete":
        objects.remove(target)
    else:
        merge(target, change)


def apply_step(target, step):
    """One operation of RFC 6902: removing a member or an item, or appending an item."""
    *parents, last = step["path"].strip("/").split("/")
    place = target
    for name in parents:
        place = place[name]
    if step["op"] == "add" and last == "-":
        place.append(step["value"])
    else:
        assert step["op"] == "remove", step
        del place[int(last) if isinstance(place, list) else last]


def merge(into, change):
    """A strategic merge: null removes a field, and lists of named objects merge by name."""
    for key, value in change.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        elif isinstance(value, list) and value and isinstance(value[0], dict) and "name" in value[0] and key in into:
            for item in value:
                merge(next(one for one in into[key] if one["name"] == item["name"]), item)
        else:
            into[key] = copy.deepcopy(value)


def settings_of(objects, pod, container):
    """Returns the environment that Kubernetes gives a container of a pod's specification."""
    found = {}
    for source in container.get("envFrom", []):
        found.update(find(objects, "ConfigMap", source["configMapRef"]["name"])["data"])
    for variable in container.get("env", []):
        if "value" in variable:
            assert "$(" not in variable["value"], "references to other variables are not supported here"
            found[variable["name"]] = variable["value"]
        else:
            reference = variable["valueFrom"]["secretKeyRef"]
            encoded = find(objects, "Secret", reference["name"])["data"][reference["key"]]
            found[variable["name"]] = base64.b64decode(encoded).decode()
    assert pod.get("enableServiceLinks") is False
    # Set in every pod, also without service links.
    found.update({"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443", "KUBERNETES_PORT": "tcp://10.96.0.1:443"})
    return found


def describe(objects):
    """A stable text of objects, for comparisons."""
    return {f"{each['kind']}/{each['metadata']['name']}": json.dumps(each, sort_keys=True, indent=1) for each in objects}
