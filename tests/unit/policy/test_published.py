"""What we publish works: every policy in `policies/`, every example in the documentation, the design's sample."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sealgate.adapters import files
from sealgate.adapters.conditions.compiling import compile_condition
from sealgate.adapters.keys import read_public_key
from sealgate.cli.policy import app
from sealgate.limits import POLICY_DEPTH, POLICY_VALUES
from sealgate.policy import schema
from sealgate.policy.load import RingKey, Sources, load
from sealgate.settings import Overrides, read_settings

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(path for path in (ROOT / "policies").iterdir() if path.is_dir())
KEY = RingKey(key=read_public_key((ROOT / "policies/signed-with-a-key/release.pub").read_bytes()))
SOURCES = Sources(
    ring={"release": KEY}, read_key=read_public_key, read_file=files.beside, compile_condition=compile_condition
)


def blocks(name: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / name).read_text(), re.DOTALL | re.MULTILINE)


def test_all_policies_load_together():
    made = load(files.policy_files([ROOT / "policies"]), SOURCES)
    assert made.errors == ()
    files_of = {folder.name: len(list(folder.glob("*.yaml"))) - 1 for folder in FOLDERS}
    assert len(made.policies) == sum(files_of.values())
    assert {name for name, files_there in files_of.items() if files_there == 1} <= {each.name for each in made.policies}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_policy_has_its_schema_and_its_story(folder):
    assert (folder / "policy.yaml").is_file()
    for path in set(folder.glob("*.yaml")) - {folder / "cases.yaml"}:
        assert path.read_text().startswith("# yaml-language-server: $schema=../../schemas/policy.schema.json\n")
    assert (folder / "../../schemas/policy.schema.json").is_file()
    story = (folder / "README.md").read_text()
    assert story.startswith(f"# {folder.name}\n")
    assert all(f"\n**{part}" in story for part in ("Use it when**", "Change:**", "It does not**"))
    assert len(story.splitlines()) <= 25
    assert f"| [{folder.name}]({folder.name}) |" in (ROOT / "policies/README.md").read_text()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_policy_is_valid_without_a_warning(folder):
    result = CliRunner().invoke(app, ["validate", "--strict", str(folder)])
    # The design's own sample has something to warn of, and must stay as it is.
    assert result.exit_code == (2 if folder.name == "require-signatures" else 0), result.output
    assert load(files.policy_files([folder]), SOURCES).errors == ()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_policy_decides_what_its_cases_say(folder):
    assert (folder / "cases.yaml").read_text().startswith(
        "# yaml-language-server: $schema=../../schemas/cases.schema.json\n"
    )  # fmt: skip
    result = CliRunner().invoke(app, ["test", "--strict", "--json", str(folder)])
    assert result.exit_code == 0, result.output
    expected = re.findall(r"^    expect: (\w+)$", (folder / "cases.yaml").read_text(), re.MULTILINE)
    assert {"admit", "deny"} <= set(expected)


@pytest.mark.parametrize("text", blocks("recipes.md"), ids=lambda text: text.split("\n", 1)[0])
def test_every_recipe_loads(text):
    ring = {"release": KEY, "development": KEY}
    made = load([("recipes.md", text.encode())], Sources(ring=ring, read_key=read_public_key, read_file=files.beside))
    assert made.problems == ()


@pytest.mark.parametrize("text", blocks("policies.md"), ids=lambda text: text.split("\n", 1)[0])
def test_every_example_of_the_documentation_loads(text):
    made = load([("policies.md", text.encode())], SOURCES)
    assert made.errors == ()
    # The one for release tags is about pushes only.
    assert made.problems == () or "operations: [push]" in text


@pytest.mark.parametrize(
    "text", blocks("settings.md") + blocks("access.md") + blocks("alerts.md") + blocks("observability.md")
)
def test_every_example_of_the_settings_is_read(text):
    assert read_settings("s.yaml", text.encode(), flags=Overrides(), variables={}, folder=Path())


@pytest.mark.parametrize(("page", "name"), [("policies.md", "policy"), ("settings.md", "settings")])
def test_every_field_is_in_the_documentation(page, name):
    told = (ROOT / "docs" / page).read_text()
    root = schema.schema(name)
    for part in (root, *root.get("$defs", {}).values()):
        for field in part["properties"]:
            assert f"`{field}" in told or f"{field}:" in told, field


def test_the_documentation_says_what_a_policy_file_may_hold():
    assert f"{POLICY_DEPTH} levels and {POLICY_VALUES // 1000} 000 values" in (ROOT / "docs/policies.md").read_text()
