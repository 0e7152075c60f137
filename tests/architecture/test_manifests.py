"""Manifests and configurations for several servers: of the right form, with commands, paths and names that exist.

Objects of Kubernetes, and the pods of the RayService, are checked against the schemas of the API where the package
`kubernetes-validate` is installed; the rest of the RayService by its form.
"""

import importlib
import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from dualnet.cli.app import app
from dualnet.serve.http.operations import OPERATIONS
from dualnet.serve.store import STORE

ROOT = Path(__file__).parents[2]
PLAIN = list(yaml.safe_load_all((ROOT / "docker" / "kubernetes.yaml").read_text()))
RAY = yaml.safe_load((ROOT / "docker" / "kuberay.yaml").read_text())
CLUSTER = RAY["spec"]["rayClusterConfig"]
DEPLOYED = next(found for found in PLAIN if found["kind"] == "Deployment")["spec"]["template"]["spec"]
PODS = {
    "deployment": DEPLOYED,
    "ray head": CLUSTER["headGroupSpec"]["template"]["spec"],
    "ray worker": CLUSTER["workerGroupSpecs"][0]["template"]["spec"],
}
SCHEMAS = "1.34"


def checked(found):
    """Check an object against the schema of its kind."""
    validator = pytest.importorskip("kubernetes_validate")
    validator.validate(found, SCHEMAS, strict=True)


@pytest.mark.parametrize("found", PLAIN, ids=lambda found: found["kind"])
def test_objects_follow_the_schema(found):
    checked(found)


@pytest.mark.parametrize("name", PODS)
def test_pods_follow_the_schema(name):
    checked({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": PODS[name]})


def test_a_wrong_field_would_be_found():
    validator = pytest.importorskip("kubernetes_validate")
    with pytest.raises(validator.ValidationError):
        checked({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": {"container": []}})


@pytest.mark.parametrize("name", PODS)
def test_pods_have_what_they_mount_and_no_secret_in_the_open(name):
    pod = PODS[name]
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        assert container["resources"]["limits"]["memory"]
        for variable in container["env"]:
            secret = variable["name"] in (STORE, "RAY_AUTH_TOKEN")
            assert ("valueFrom" in variable) is secret
        assert STORE in {variable["name"] for variable in container["env"]}


def test_the_command_of_the_deployment_exists():
    (container,) = DEPLOYED["containers"]
    program, command, *arguments = container["command"]
    assert program == "dualnet"
    context = get_command(app).commands[command].make_context("serve", arguments, resilient_parsing=True)
    assert context.params["port"] == container["ports"][0]["containerPort"]
    paths = {operation.path for operation in OPERATIONS} | {"/livez", "/readyz"}
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        assert container[probe]["httpGet"]["path"] in paths
        assert container[probe]["httpGet"]["port"] == container["ports"][0]["name"]


def test_the_service_selects_the_pods():
    service = next(found for found in PLAIN if found["kind"] == "Service")
    deployment = next(found for found in PLAIN if found["kind"] == "Deployment")
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["ports"][0]["targetPort"] == DEPLOYED["containers"][0]["ports"][0]["name"]


def test_the_ray_service_has_the_form_of_the_operator():
    assert (RAY["apiVersion"], RAY["kind"]) == ("ray.io/v1", "RayService")
    known = {"serveConfigV2", "rayClusterConfig", "serviceUnhealthySecondThreshold", "deploymentUnhealthySecondThreshold"}
    assert set(RAY["spec"]) <= known
    assert set(CLUSTER) == {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
    pinned = re.search(r"^ray==(.+)$", (ROOT / "constraints.txt").read_text(), re.M)[1]
    assert CLUSTER["rayVersion"] == pinned
    for group in CLUSTER["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_the_application_of_the_ray_service_exists():
    (told,) = yaml.safe_load(RAY["spec"]["serveConfigV2"])["applications"]
    module, name = told["import_path"].split(":")
    assert callable(getattr(importlib.import_module(module), name))
    mounted = {mount["mountPath"] for mount in PODS["ray worker"]["containers"][0]["volumeMounts"]}
    assert {told["args"]["model"], str(Path(told["args"]["keys"]).parent)} <= mounted


def test_the_configuration_of_nginx_is_whole():
    text = re.sub(r"#.*", "", (ROOT / "docker" / "nginx.conf").read_text())
    assert text.count("{") == text.count("}")
    for line in text.splitlines():
        assert not line.strip() or line.strip()[-1] in "{};"
    changing = {operation.path for operation in OPERATIONS if operation.method in ("PUT", "DELETE")}
    pattern = re.search(r"location ~ (\S+)", text)[1]
    assert all(re.match(pattern, path) for path in changing | {"/v1/model:reload"})
    assert not re.match(pattern, "/v1/recommend")
