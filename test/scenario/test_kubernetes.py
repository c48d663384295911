"""deploy/kubernetes: its objects are valid and agree with each other, and its pods start, chat and stop as they say."""
import json
import os
import pathlib
import re
import subprocess

import jsonschema
import kubernetes_validate
import pytest
import yaml

import kustomize
from client import MESSAGE_FIELDS, Person, assert_closes_with
from deadline import eventually
from files import PNG
from kustomize import find
from pods import Cluster, Databases, Ingress, image, on_a_private_network
from server import ROOT, run
from tokens import mint

FOLDER = pathlib.Path(ROOT, "deploy/kubernetes")
OVERLAYS = ("production", "managed-database", "minimal")
VERSIONS = ("1.30", "1.37")  # the oldest with the preStop action `sleep`, and the newest that the package has


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """The text of base/secrets.env, made by the script of the repository in a copy of its folder."""
    copy = tmp_path_factory.mktemp("kubernetes")
    (copy / "base").mkdir()
    (copy / "generate-secrets.sh").write_text((FOLDER / "generate-secrets.sh").read_text())
    made = subprocess.run(["sh", copy / "generate-secrets.sh"], env={"PATH": os.environ["PATH"]}, text=True, capture_output=True, check=True)
    assert "wrote" in made.stderr
    again = subprocess.run(["sh", copy / "generate-secrets.sh"], env={"PATH": os.environ["PATH"]}, text=True, capture_output=True)
    assert again.returncode == 1 and "exists" in again.stderr, "never overwrites a key"
    file = copy / "base/secrets.env"
    assert file.stat().st_mode & 0o777 == 0o600
    return file.read_text()


@pytest.fixture(scope="module")
def build(secrets):
    return lambda overlay: kustomize.build(FOLDER / "overlays" / overlay, {str(FOLDER / "base/secrets.env"): secrets})


def values(secrets):
    return dict(line.split("=", 1) for line in secrets.splitlines())


def pod_of(objects, kind="Deployment", name="messaging-app"):
    return find(objects, kind, name)["spec"]["template"]["spec"]


def test_generated_secrets_are_long_and_random(secrets):
    found = values(secrets)
    assert set(found) == {"JWT_SECRET_KEY", "POSTGRES_PASSWORD", "DATABASE_URL"}
    assert all(re.fullmatch(r"[0-9a-f]{64}", found[name]) for name in ("JWT_SECRET_KEY", "POSTGRES_PASSWORD"))
    assert found["JWT_SECRET_KEY"] != found["POSTGRES_PASSWORD"] and found["POSTGRES_PASSWORD"] in found["DATABASE_URL"]


def test_the_repository_has_no_secrets():
    assert "/deploy/kubernetes/base/secrets.env" in pathlib.Path(ROOT, ".gitignore").read_text().splitlines()
    texts = "".join(path.read_text() for path in FOLDER.rglob("*.yaml"))
    assert "kind: Secret" not in texts and not re.search(r"(PASSWORD|KEY)\n +value:", texts)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.proves("Kubernetes: manifests")
def test_every_object_is_valid(build, overlay, version):
    for each in build(overlay):
        kubernetes_validate.validate(each, version, strict=True)


def test_an_invalid_object_is_refused(build):
    deployment = find(build("production"), "Deployment", "messaging-app")
    pod = deployment["spec"]["template"]["spec"]
    for change in ({"terminationGracePeriodSeconds": "60"}, {"noSuchField": 1}):
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(deployment | {"spec": deployment["spec"] | {"template": {"spec": pod | change}}}, "1.37", strict=True)


def test_the_deployment_has_the_names_of_the_guide(build):
    deployment = find(kustomize.build(FOLDER / "base", {str(FOLDER / "base/secrets.env"): ""}), "Deployment", "messaging-app")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert deployment["spec"]["replicas"] == 3
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"] == {"app": "messaging-app"}
    assert container["name"] == "messaging-app" and container["image"] == "your-registry/messaging-app:latest"
    assert container["ports"][0]["containerPort"] == 8000
    assert container["env"][:2] == [{"name": "REDIS_URL", "value": "redis://redis-service:6379/0"}, {"name": "DJANGO_ENV", "value": "production"}]
    production = build("production")
    assert "replicas" not in find(production, "Deployment", "messaging-app")["spec"], "the autoscaler has them"
    assert find(production, "HorizontalPodAutoscaler", "messaging-app")["spec"]["minReplicas"] == 3


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_reference_names_an_object(build, overlay):
    objects = build(overlay)
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for workload in [each for each in objects if each["kind"] in ("Deployment", "StatefulSet")]:
        spec = workload["spec"]["template"]["spec"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]} | {
            claim["metadata"]["name"]: None for claim in workload["spec"].get("volumeClaimTemplates", [])}
        for volume in filter(None, volumes.values()):
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in names
        for container in spec["containers"]:
            kustomize.settings_of(objects, spec, container)
            assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
        if workload["kind"] == "StatefulSet":
            assert ("Service", workload["spec"]["serviceName"]) in names
    for service in [each for each in objects if each["kind"] == "Service"]:
        [target] = [each for each in objects if each["kind"] in ("Deployment", "StatefulSet")
                    and each["spec"]["template"]["metadata"]["labels"] == service["spec"]["selector"]]
        ports = {port["name"] for port in target["spec"]["template"]["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for policy in [each for each in objects if each["kind"] == "NetworkPolicy"]:
        assert any(each["spec"]["template"]["metadata"]["labels"] == policy["spec"]["podSelector"]["matchLabels"]
                   for each in objects if each["kind"] in ("Deployment", "StatefulSet"))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_has_the_restricted_security_profile(build, overlay):
    for workload in [each for each in build(overlay) if each["kind"] in ("Deployment", "StatefulSet")]:
        spec = workload["spec"]["template"]["spec"]
        assert spec["enableServiceLinks"] is False and spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                    "capabilities": {"drop": ["ALL"]}}
            assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]


def test_a_managed_database_replaces_the_statefulset(build):
    objects = build("managed-database")
    assert not [each for each in objects if "postgres" in each["metadata"]["name"]]
    egress = find(objects, "NetworkPolicy", "messaging-app")["spec"]["egress"]
    assert {"ports": [{"port": 5432}]} in egress and "postgres" not in str(egress) and "redis" in str(egress)


def seconds(text):
    return int(text.removesuffix("s"))


def test_the_grace_period_covers_prestop_and_drain(build):
    objects = build("production")
    spec = pod_of(objects)
    [container] = spec["containers"]
    settings = kustomize.settings_of(objects, spec, container)
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain, graceful = seconds(settings["PARLEY_DRAIN_DELAY"]), seconds(settings["PARLEY_TIMEOUT_GRACEFUL_SHUTDOWN"])
    assert drain < graceful
    assert spec["terminationGracePeriodSeconds"] >= before + drain + graceful + 5
    readiness = container["readinessProbe"]
    assert drain > readiness["periodSeconds"] * readiness["failureThreshold"], "readiness fails before the server stops accepting"


def test_the_database_accepts_the_connections_of_all_pods(build):
    objects = build("production")
    spec = pod_of(objects)
    settings = kustomize.settings_of(objects, spec, spec["containers"][0])
    of_one = int(settings["PARLEY_SHARDS"]) + 2 + 1 + 2  # writers, the critical reader, store.reader_threads
    [limit] = [int(word.partition("=")[2]) for word in pod_of(objects, "StatefulSet", "postgres")["containers"][0]["args"] if "max_connections" in word]
    autoscaler = find(objects, "HorizontalPodAutoscaler", "messaging-app")["spec"]
    surge = find(objects, "Deployment", "messaging-app")["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    assert limit >= of_one * (autoscaler["maxReplicas"] + surge) + 20, "and 20 for others"


def test_the_autoscaler_scales_by_a_metric_of_the_server(build, server):
    objects = build("production")
    autoscaler = find(objects, "HorizontalPodAutoscaler", "messaging-app")["spec"]
    [own] = [each["pods"] for each in autoscaler["metrics"] if each["type"] == "Pods"]
    assert server.metric(own["metric"]["name"]) >= 1
    assert any(each["type"] == "Resource" and each["resource"]["name"] == "cpu" for each in autoscaler["metrics"])
    spec = pod_of(objects)
    limit = int(kustomize.settings_of(objects, spec, spec["containers"][0])["PARLEY_LIMIT_CONCURRENCY"])
    assert int(own["target"]["averageValue"]) <= limit // 2
    template = find(objects, "Deployment", "messaging-app")["spec"]["template"]
    assert int(template["metadata"]["annotations"]["prometheus.io/port"]) == spec["containers"][0]["ports"][1]["containerPort"]


def test_the_image_of_the_dockerfile_fits_the_pods(build):
    spec = pod_of(build("production"))
    [container] = spec["containers"]
    assert container["command"] + container["args"] == image()["command"]
    assert image()["user"] == f"{spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}"
    assert image()["port"] == container["ports"][0]["containerPort"]


def test_prometheus_finds_the_pods(build):
    """By the job for Kubernetes in the comments of its configuration, whose labels the rule of the adapter uses."""
    text = pathlib.Path(ROOT, "deploy/prometheus/prometheus.yml").read_text()
    [job] = yaml.safe_load(re.sub(r"^  # ?", "", text[text.index("  # - job_name: parley"):], flags=re.M))
    rules = job["relabel_configs"]
    kept = {rule["source_labels"][0]: rule["regex"] for rule in rules if rule.get("action") == "keep"}
    template = find(build("production"), "Deployment", "messaging-app")["spec"]["template"]
    assert kept["__meta_kubernetes_pod_label_app"] == template["metadata"]["labels"]["app"]
    assert kept["__meta_kubernetes_pod_container_port_name"] in {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    labels = {rule["target_label"]: rule["source_labels"] for rule in rules if "target_label" in rule}
    adapter = (FOLDER / "overlays/production/autoscaler.yaml").read_text()
    assert labels["instance"] == ["__meta_kubernetes_pod_name"] and "instance: {resource: pod}" in adapter
    assert labels["namespace"] == ["__meta_kubernetes_namespace"] and "namespace: {resource: namespace}" in adapter


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_parley_accepts_the_settings_of_the_pod(build, overlay, tmp_path):
    objects = build(overlay)
    spec = pod_of(objects)
    checked = run("config", "check", directory=tmp_path, **kustomize.settings_of(objects, spec, spec["containers"][0]))
    assert (checked.returncode, checked.stdout.strip()) == (0, "ok"), checked.stdout


def talk(ingress, pods, key):
    """Two users, each on another replica, and a third behind the ingress, see each other's messages."""
    first, second, third = (ingress.doors[name] for name in (pods[0].name, pods[1].name, "all"))
    ann, bob, eve = (Person(door, name) for door, name in ((first, "ann"), (second, "bob"), (third, "eve")))
    for person in ann, bob, eve:
        person.token = mint(person.id, key=key)
        person.rest.headers["Authorization"] = f"Bearer {person.token}"
    room = ann.rest.create_group(bob, eve)
    with ann.connect(room) as a, bob.connect(room) as b, eve.connect(room) as e:
        a.send_message("from the first replica")
        b.send_message("from the second replica")
        eve.rest.send_message(room, "by REST")
        for socket in a, b, e:
            events = socket.events(3)
            assert [event["seq"] for event in events] == [1, 2, 3]
            assert set(events[0]["data"]) == MESSAGE_FIELDS
    sent = ann.rest.post("attachments/", files={"file": ("cat.png", PNG)})
    assert sent.status_code == 201, sent.text
    ann.rest.send_message(room, "a file", attachment_ids=[sent.json()["id"]])
    assert bob.rest.get(f"attachments/{sent.json()['id']}/content/").content == PNG, "all replicas share the volume"
    return room, ann, bob


@pytest.mark.long(30)
@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
@pytest.mark.proves("Kubernetes: manifests")
def test_the_pods_of_the_production_overlay_start_chat_and_stop(build, secrets):
    objects = build("production")
    deployment = find(objects, "Deployment", "messaging-app")
    replicas = find(objects, "HorizontalPodAutoscaler", "messaging-app")["spec"]["minReplicas"]
    key = values(secrets)["JWT_SECRET_KEY"]

    def act():
        databases = Databases(objects, values(secrets))
        cluster = Cluster(objects, ("redis-service", "postgres-service"))
        ingress = None
        try:
            pods = [cluster.start(deployment) for _ in range(replicas)]
            for pod in pods:
                pod.wait_until_ready()
            ingress = Ingress(find(objects, "Ingress", "messaging-app"), pods)
            room, ann, bob = talk(ingress, pods, key)
            assert databases.redis.ask("PUBSUB", "CHANNELS", "parley:*")
            with ann.connect(room, query={"since": 4}) as a, bob.connect(room) as b:
                status, left = pods[0].terminate()
                assert status == 0 and left > 0, pods[0].output()
                assert_closes_with(a, 1012, reconnect=True)
                b.send_message("the others stay")
            other = Person(ingress.doors[pods[1].name], ann.id)
            other.token = ann.token
            with other.connect(room, query={"since": 4}) as a:
                assert a.wait_for("message")["data"]["content"] == "the others stay", "the client resumes on another replica"
            eventually(lambda: pods[1].probe("readinessProbe"), within=20)
            assert not pods[0].probe("readinessProbe")
        finally:
            for each in filter(None, (ingress, cluster, databases)):
                each.close()

    on_a_private_network(act)


def chart_file(name):
    return pathlib.Path(ROOT, "deploy/helm/parley", name).read_text()


@pytest.mark.proves("Kubernetes: Helm chart")
def test_the_values_of_the_chart_match_their_schema():
    schema = json.loads(chart_file("values.schema.json"))
    jsonschema.Draft7Validator.check_schema(schema)
    defaults = yaml.safe_load(chart_file("values.yaml"))
    for name in OVERLAYS:
        jsonschema.validate(defaults | yaml.safe_load(chart_file(f"ci/{name}-values.yaml")), schema)
    assert set(defaults) == set(schema["properties"]) - {"global"}
    for name, part in defaults.items():
        if isinstance(part, dict) and "properties" in schema["properties"][name]:
            assert set(part) <= set(schema["properties"][name]["properties"])
    for wrong in ({"replicas": "3"}, {"noSuchValue": 1}, {"secrets": {"jwtSecretKey": "short"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_every_value_of_the_chart_is_used():
    templates = "".join(path.read_text() for path in pathlib.Path(ROOT, "deploy/helm/parley/templates").iterdir())
    for name, part in yaml.safe_load(chart_file("values.yaml")).items():
        keys = [f"{name}.{key}" for key in part] if isinstance(part, dict) and name not in ("resources", "settings") else [name]
        for key in keys:
            assert f".Values.{key}" in templates, key
    used = set(re.findall(r"\.Values\.(\w+)", templates))
    assert used == set(yaml.safe_load(chart_file("values.yaml")))
