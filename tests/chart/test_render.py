"""What helm makes of the chart: valid objects over a matrix of values, restricted pods, settings the gate reads."""

import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from sealgate.cli.main import app
from sealgate.limits import DRAIN_SECONDS
from sealgate.policy import strict_yaml
from sealgate.settings import Overrides
from sealgate.settings.read import read_settings

# Their schemas are their operators' own.
CUSTOM = {"Certificate", "ServiceMonitor", "PrometheusRule"}

MATRIX = [
    ("least",),
    ("everything",),
    ("sqlite",),
    ("least", "replicas=1", "state.kind=memory"),
    ("least", "replicas=1", "state.kind=sqlite", "state.sqlite.existingClaim=ours"),
    ("least", "tls.existingSecret=gate-tls"),
    ("least", "tls.existingSecret=gate-tls", "tls.clientCA=true", "service.port=8443"),
    ("least", "autoscaling.enabled=true"),
    ("least", "podDisruptionBudget.enabled=false"),
    ("least", "networkPolicy.enabled=false"),
    ("least", "serviceAccount.create=false"),
    ("least", "serviceMonitor.enabled=true"),
    ("least", "prometheusRule.enabled=true"),
    ("least", "dashboard.enabled=true"),
    ("least", "nodeConfiguration.enabled=true", "nodeConfiguration.gate=https://gate.example"),
    ("everything", "nodeConfiguration.remove=true"),
    ("everything", "autoscaling.enabled=false", "tls.certManager.enabled=false", "tls.clientCA=false"),
    ("least", "fullnameOverride=other", "service.type=NodePort", "image.tag=1.2.3"),
]


@pytest.mark.parametrize("given", MATRIX, ids=" ".join)
def test_every_object_is_valid_in_three_versions_of_kubernetes(helm: Any, given: tuple[str, ...]) -> None:
    for version in helm.versions:
        objects = helm.objects(*given[1:], name=given[0], version=version)
        names = [(each["kind"], each["metadata"]["name"]) for each in objects]
        assert len(names) == len(set(names))
        for each in objects:
            if each["kind"] not in CUSTOM:
                kubernetes_validate.validate(each, version, strict=True)


def test_kubernetes_before_the_oldest_is_refused(helm: Any) -> None:
    assert "requires kubeVersion" in helm.refusal(version="1.26")


def test_an_object_that_kubernetes_does_not_know_is_noticed(helm: Any) -> None:
    """What validates the objects here is strict about fields, and has these versions."""
    deployment = one(helm.objects(), "Deployment")
    deployment["spec"]["template"]["spec"]["terminationGraceSeconds"] = 30
    for version in helm.versions:
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(deployment, version, strict=True)


@pytest.mark.parametrize("name", ["least", "everything", "sqlite"])
def test_lint_finds_nothing(helm: Any, name: str) -> None:
    told = helm.run("lint", "--strict", "--kube-version", helm.versions[-1], str(helm.chart), *helm.given(name))
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("name", ["least", "everything", "sqlite"])
def test_rendering_is_the_golden_one(helm: Any, write: bool, name: str) -> None:
    """After a change on purpose: `make chart ARGS=--write`, and read the difference."""
    golden = helm.golden / f"{name}.yaml"
    text = helm.text("dashboard.enabled=false", name=name)  # it is a file of its own, and long
    if write:
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("least", ["settings=null"], "missing property 'settings'"),
        ("least", ["policies.files=null"], "without policies nothing is admitted"),
        ("least", ["policies.existingConfigMap=a"], "policies: one of files and existingConfigMap"),
        ("least", ["keys.files=null"], "keys.ring: say where its files are"),
        ("least", ["state.kind=sqlite"], "sqlite is for one replica"),
        ("least", ["state.kind=memory"], "memory is for one replica"),
        ("sqlite", ["replicas=2"], "sqlite is for one replica"),
        ("sqlite", ["autoscaling.enabled=true"], "sqlite is for one replica"),
        ("least", ["state.postgresql.existingSecret="], "name the Secret with the URL"),
        ("everything", ["tls.existingSecret=a"], "one of existingSecret and certManager"),
        ("least", ["tls.clientCA=true"], "there is no Secret with a ca.crt"),
        ("everything", ["tls.certManager.dnsNames=null"], "say issuerRef and dnsNames"),
        ("everything", ["nodeConfiguration.gate="], "say how nodes reach the gate"),
        ("everything", ["autoscaling.minReplicas=9"], "minReplicas is more than maxReplicas"),
        ("least", ["replica=3"], "additional properties 'replica' not allowed"),
        ("least", ["state.sqlite.sise=1Gi"], "additional properties 'sise' not allowed"),
        ("least", ["settings.listen=0.0.0.0:1"], "additional properties 'listen' not allowed"),
        ("least", ["settings.unmatched=perhaps"], "value must be one of"),
        ("least", ["state.kind=redis"], "value must be one of"),
        ("least", ["drain=301"], "maximum: got 301, want 300"),
        ("least", ["image.digest=latest"], "does not match pattern"),
        ("least", ["keys.ring.release=../state/url"], "does not match pattern"),
        ("everything", ["nodeConfiguration.gate=gate.example"], "does not match pattern"),
    ],
)
def test_what_does_not_go_together_is_refused(helm: Any, name: str, values: list[str], says: str) -> None:
    assert says in helm.refusal(*values, name=name)


@pytest.mark.parametrize("name", ["least", "everything", "sqlite"])
def test_the_gate_reads_the_settings_that_are_rendered(helm: Any, tmp_path: Path, name: str) -> None:
    text = one(helm.objects(name=name), "ConfigMap", "settings")["data"]["sealgate.yaml"]
    read = read_settings("sealgate.yaml", text.encode(), flags=Overrides(), variables={}, folder=tmp_path)
    assert read.policies == (Path("/etc/sealgate/policies"),)


def test_the_gate_takes_the_policies_and_keys_as_they_are_mounted(helm: Any, tmp_path: Path) -> None:
    mount(helm.objects(), tmp_path)
    folder = tmp_path / "etc/sealgate"
    settings = folder / "settings/sealgate.yaml"
    said = ["policy", "validate", "--strict", "--settings", str(settings), str(folder / "policies")]
    told = CliRunner().invoke(app, said)
    assert told.exit_code == 0, told.output
    (folder / "keys/release.pub").unlink()
    assert CliRunner().invoke(app, said).exit_code == 2


def test_settings_of_the_schema_are_the_gates_own(helm: Any, write: bool) -> None:
    """`make chart ARGS=--write` copies them."""
    path = helm.chart / "values.schema.json"
    schema = json.loads(path.read_text())
    own = {"listen", "admin_listen", "policies", "keys", "trusted_roots", "tls", "state", "state_key_file", "drain"}
    gate = json.loads((helm.chart.parents[1] / "schemas" / "settings.schema.json").read_text())
    theirs = {name: value for name, value in gate["properties"].items() if name not in own}
    if write:
        schema["properties"]["settings"]["properties"] = theirs
        path.write_text(json.dumps(schema, indent=2) + "\n")
    assert schema["properties"]["settings"]["properties"] == theirs


def test_every_value_is_in_the_schema_and_told_in_the_docs(helm: Any) -> None:
    values = strict_yaml.read("values", (helm.chart / "values.yaml").read_bytes()).data
    schema = json.loads((helm.chart / "values.schema.json").read_text())["properties"]
    assert set(values) == set(schema) - {"global"}
    docs = (helm.chart.parents[1] / "docs" / "kubernetes.md").read_text()
    assert {name for name in values if f"`{name}" not in docs} == set()


def test_the_chart_names_the_gates_version(helm: Any) -> None:
    chart = strict_yaml.read("Chart.yaml", (helm.chart / "Chart.yaml").read_bytes()).data
    project = tomllib.loads((helm.chart.parents[1] / "pyproject.toml").read_text())["project"]
    assert (chart["appVersion"], chart["description"]) == (project["version"], project["description"])


def test_helm_takes_the_commands_and_the_values_of_the_docs(helm: Any, tmp_path: Path) -> None:
    """Each `helm upgrade` of the page is rendered; `--reuse-values` means those of the command before."""
    page = (helm.chart.parents[1] / "docs" / "kubernetes.md").read_text()
    values = tmp_path / "values.yaml"
    values.write_text(page.partition("```yaml\n")[2].partition("```")[0])
    commands = [
        shlex.split(each) for each in re.findall(r"^\$ helm upgrade (.*)", page.replace("\\\n", ""), re.MULTILINE)
    ]
    assert len(commands) == 3
    before: list[str] = []
    for command in commands:
        said = [each for each in command if each not in ("--install", "--wait", "--reuse-values")]
        assert said[:4] == ["gate", "helm/sealgate", "--namespace", "sealgate"]
        before = (before if "--reuse-values" in command else []) + said[4:]
        given = [str(values) if each == "values.yaml" else each for each in before]
        told = helm.run("template", "gate", str(helm.chart), "--kube-version", helm.versions[-1], *given)
        assert told.returncode == 0, told.stderr
    nodes = [each for each in yaml.safe_load_all(told.stdout) if each["kind"] == "DaemonSet"]
    assert "remove" in nodes[0]["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("name", ["least", "everything", "sqlite"])
def test_pods_of_the_gate_are_restricted(helm: Any, name: str) -> None:
    """Kubernetes' restricted profile (Pod Security Standards)."""
    for spec in (
        each["spec"]["template"]["spec"] for each in helm.objects(name=name) if each["kind"] in ("Deployment", "Job")
    ):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 65532
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
        assert not any("hostPath" in each for each in spec.get("volumes", []))


def test_f12_it_is_given_longer_than_it_takes_to_stop(helm: Any) -> None:
    for drain in (0, 300):
        spec = one(helm.objects(f"drain={drain}"), "Deployment")["spec"]["template"]["spec"]
        assert spec["terminationGracePeriodSeconds"] >= drain + DRAIN_SECONDS + 5


def test_a_changed_policy_restarts_nothing_and_changed_settings_do(helm: Any) -> None:
    template = one(helm.objects(), "Deployment")["spec"]["template"]
    assert one(helm.objects("policies.files.other\\.yaml=x"), "Deployment")["spec"]["template"] == template
    assert one(helm.objects("keys.files.other\\.pub=x"), "Deployment")["spec"]["template"] == template
    assert one(helm.objects("settings.admit_ttl=60"), "Deployment")["spec"]["template"] != template


def test_nothing_is_mounted_in_a_way_that_never_changes(helm: Any) -> None:
    """A mount with subPath is not updated: docs/settings.md, Reloading."""
    assert "subPath" not in helm.text(name="everything")


def test_the_database_is_in_no_object_that_many_may_read_and_its_key_is_the_same_for_all(helm: Any) -> None:
    objects = helm.objects()
    settings = strict_yaml.read(
        "settings", one(objects, "ConfigMap", "settings")["data"]["sealgate.yaml"].encode()
    ).data
    assert settings["state"] == {"url_file": "/etc/sealgate/state/url", "key_file": "/etc/sealgate/state/key"}
    spec = one(objects, "Deployment")["spec"]["template"]["spec"]
    (volume,) = [each for each in spec["volumes"] if each["name"] == "database"]
    assert volume["secret"]["secretName"] == "sealgate-database"
    assert {each["path"] for each in volume["secret"]["items"]} == {"url", "key"}


def test_the_tables_are_made_before_a_gate_starts_and_only_where_there_are_any(helm: Any) -> None:
    job = one(helm.objects(), "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["state", "upgrade"]
    assert not [each for each in helm.objects(name="sqlite") if each["kind"] == "Job"]


def test_probes_ask_the_admin_port(helm: Any) -> None:
    (gate,) = one(helm.objects(), "Deployment")["spec"]["template"]["spec"]["containers"]
    assert gate["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "admin"}
    assert gate["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "admin"}
    assert {"name": "admin", "containerPort": 9090} in gate["ports"]


def test_services_and_budgets_choose_the_gates_pods_alone(helm: Any) -> None:
    objects = helm.objects(name="everything")
    gate = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    nodes = one(objects, "DaemonSet")["spec"]["template"]["metadata"]["labels"]
    for selector in selectors(objects):
        assert selector.items() <= gate.items()
        assert not selector.items() <= nodes.items()


def selectors(objects: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    for each in objects:
        if each["kind"] == "Service":
            yield each["spec"]["selector"]
        elif each["kind"] in ("PodDisruptionBudget", "Deployment"):
            yield each["spec"]["selector"]["matchLabels"]
        elif each["kind"] == "NetworkPolicy":
            yield each["spec"]["podSelector"]["matchLabels"]


@pytest.mark.parametrize("name", ["least", "everything", "sqlite"])
def test_notes_say_how_to_check(helm: Any, tmp_path: Path, name: str) -> None:
    """Rendered as a file like the others: helm shows notes only where there is a cluster."""
    chart = tmp_path / "sealgate"
    shutil.copytree(helm.chart, chart)
    (chart / "templates/NOTES.txt").rename(chart / "templates/notes.yaml")
    said = ["template", "gate", str(chart), "-n", "sealgate", "--kube-version", helm.versions[-1]]
    told = helm.run(*said, "--debug", "--show-only", "templates/notes.yaml", *helm.given(name))
    assert "sealgate check --settings /etc/sealgate/settings/sealgate.yaml" in told.stdout
    assert "/readyz" in told.stdout
    assert ("sealgate doctor --gate gate.example /host/certs.d" in told.stdout) is (name == "everything")
    assert ("plain HTTP" in told.stdout) is (name == "least")


def one(objects: list[dict[str, Any]], kind: str, ending: str = "") -> dict[str, Any]:
    (found,) = [each for each in objects if each["kind"] == kind and each["metadata"]["name"].endswith(ending)]
    return found


def mount(objects: list[dict[str, Any]], root: Path) -> None:
    """The ConfigMaps of the gate's pod as the kubelet mounts them, under this folder; paths in settings lead there."""
    spec = one(objects, "Deployment")["spec"]["template"]["spec"]
    volumes = {each["name"]: each for each in spec["volumes"]}
    for place in spec["containers"][0]["volumeMounts"]:
        if (named := volumes[place["name"]].get("configMap")) is None:
            continue
        folder = root / place["mountPath"].removeprefix("/")
        (folder / "..2026").mkdir(parents=True)
        (folder / "..data").symlink_to("..2026")
        for name, text in one(objects, "ConfigMap", named["name"])["data"].items():
            (folder / "..2026" / name).write_text(text.replace("/etc/sealgate/", f"{root}/etc/sealgate/"))
            (folder / name).symlink_to(f"..data/{name}")
