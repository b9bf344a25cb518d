"""The chart's objects, applied to a real API server: its own validation, its own admission, a real helm."""

import copy
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from api_server import PROGRAM, ApiServer, running
from harness.programs import find

CUSTOM = {"Certificate", "ServiceMonitor", "PrometheusRule"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, needed: Any) -> Iterator[ApiServer]:
    etcd = needed("etcd", find("etcd"))
    needed("kube-apiserver", str(PROGRAM.path) if PROGRAM.path.exists() else None)
    with running(etcd, tmp_path_factory.mktemp("kubernetes")) as server:
        yield server


@pytest.mark.parametrize("name", ["least", "everything", "sqlite"])
def test_every_object_is_accepted_and_pods_are_restricted(helm: Any, server: ApiServer, name: str) -> None:
    space = server.make_namespace(name)
    for wanted in helm.objects(name=name):
        if wanted["kind"] in CUSTOM:
            continue
        answer = server.apply(wanted, space)
        assert answer.status in (200, 201), answer.body
        told = [each for each in answer.warnings if "PodSecurity" in each]
        assert bool(told) is (wanted["kind"] == "DaemonSet"), told


def test_the_servers_validation_is_strict(helm: Any, server: ApiServer) -> None:
    """What makes the test above worth something."""
    (wanted,) = [each for each in helm.objects() if each["kind"] == "Deployment"]
    space = server.make_namespace("strict")
    wrong = copy.deepcopy(wanted)
    wrong["spec"]["template"]["spec"]["terminationGraceSeconds"] = 30
    refused = server.apply(wrong, space)
    assert refused.status >= 400
    assert "terminationGraceSeconds" in refused.body["message"]
    open_to_all = copy.deepcopy(wanted)
    del open_to_all["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    assert server.apply(open_to_all, space).warnings


def test_helm_installs_upgrades_and_uninstalls(helm: Any, server: ApiServer, tmp_path: Any) -> None:
    """Without the hook, which waits for what runs pods."""
    server.make_namespace("sealgate")
    config = f"--kubeconfig={server.kubeconfig(tmp_path / 'config')}"
    said = [config, "--namespace", "sealgate", "--no-hooks"]
    chart = tmp_path / "sealgate"
    shutil.copytree(helm.chart, chart)
    for more in (
        [],
        ["--set", "replicas=3"],
        ["--set", "nodeConfiguration.enabled=true,nodeConfiguration.gate=https://a.b"],
    ):
        told = helm.run("upgrade", "--install", "real", str(chart), *said, *helm.given("least"), *more)
        assert told.returncode == 0, told.stderr
        assert "sealgate check --settings /etc/sealgate/settings/sealgate.yaml" in told.stdout
    deployed = server.ask("GET", "/apis/apps/v1/namespaces/sealgate/deployments/real-sealgate").body
    assert deployed["spec"]["replicas"] == 2
    assert helm.run("uninstall", "real", *said).returncode == 0
    assert server.ask("GET", "/apis/apps/v1/namespaces/sealgate/deployments/real-sealgate").status == 404
