"""Alert rules and the dashboard: Prometheus reads them, rules fire when they should, and name what the gate has."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from sealgate.adapters.metrics import Metrics
from sealgate.policy import strict_yaml

TESTS = Path(__file__).parent / "alerts.test.yaml"


def rules(helm: Any) -> list[dict[str, Any]]:
    (found,) = [each for each in helm.objects(name="everything") if each["kind"] == "PrometheusRule"]
    (group,) = found["spec"]["groups"]
    every: list[dict[str, Any]] = group["rules"]
    return every


def dashboard(helm: Any) -> dict[str, Any]:
    (found,) = [each for each in helm.objects(name="everything") if each["metadata"]["name"].endswith("-dashboard")]
    read: dict[str, Any] = json.loads(found["data"]["sealgate.json"])
    return read


def queries(helm: Any) -> list[str]:
    asked = [target["expr"] for panel in dashboard(helm)["panels"] for target in panel["targets"]]
    return [each.replace("$__rate_interval", "1m") for each in asked]


def test_prometheus_reads_the_rules_and_each_query_of_the_dashboard(helm: Any, promtool: str, tmp_path: Path) -> None:
    asked = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries(helm))]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": [*rules(helm), *asked]}]}))
    told = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_rules_fire_when_they_should_and_not_before(helm: Any, promtool: str, tmp_path: Path) -> None:
    """`alerts.test.yaml`, over the rules as they are rendered; it says nothing of their texts."""
    bare = [{name: value for name, value in rule.items() if name != "annotations"} for rule in rules(helm)]
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump({"groups": [{"name": "sealgate", "rules": bare}]}))
    (tmp_path / "tests.yaml").write_text(TESTS.read_text())
    told = subprocess.run(
        [promtool, "test", "rules", "tests.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_rule_is_tested_both_ways(helm: Any) -> None:
    tested = [
        case for test in strict_yaml.read("tests", TESTS.read_bytes()).data["tests"] for case in test["alert_rule_test"]
    ]
    fires = {case["alertname"] for case in tested if case.get("exp_alerts")}
    silent = {case["alertname"] for case in tested if not case.get("exp_alerts")}
    assert fires == silent == {rule["alert"] for rule in rules(helm)}


def test_only_metrics_and_labels_that_the_gate_has_are_asked_for(helm: Any) -> None:
    suffix = {"counter": "_total", "histogram": "_bucket"}
    has = {family.name + suffix.get(family.type, "") for family in Metrics().registry.collect()}
    page = (helm.chart.parents[1] / "docs" / "observability.md").read_text()
    rows = re.findall(r"^\| `(sealgate_\w+)` \| ([^|]*)\|", page, re.MULTILINE)
    labels = {name: set(re.findall(r"`(\w+)`", said)) for name, said in rows}
    for query in [*queries(helm), *(rule["expr"] for rule in rules(helm))]:
        asked = set(re.findall(r"sealgate_\w+", query))
        assert asked
        assert asked <= has
        by = {label for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(", ")}
        by |= set(re.findall(r"(\w+)=\"", query))
        assert by - {"instance", "le"} <= set.union(*(labels[name.removesuffix("_bucket")] for name in asked)), query


def test_panels_have_each_their_place_and_number(helm: Any) -> None:
    panels = dashboard(helm)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
