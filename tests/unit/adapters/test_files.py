"""Reading what people wrote: nothing is passed over in silence, nothing out of the folder is reached."""

import os
from pathlib import Path

import pytest

from sealgate.adapters import files
from sealgate.errors import ConfigurationInvalid
from sealgate.limits import CONFIGURATION_FILE_BYTES


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def found(*paths: Path) -> list[str]:
    base = paths[0] if paths[0].is_dir() else paths[0].parent
    return [str(Path(name).relative_to(base)) for name, _ in files.policy_files(paths)]


def problems(*paths: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigurationInvalid) as refused:
        files.policy_files(paths)
    return refused.value.problems


def test_a_folder_holds_policies_on_two_levels(tmp_path):
    for name in (
        "b.yaml",
        "a.yaml",
        "x/policy.yaml",
        "x/cases.yaml",
        "cases.yaml",
        "x/y/deep.yaml",
        "README.md",
        "a.pub",
    ):
        write(tmp_path / name)
    assert found(tmp_path) == ["a.yaml", "b.yaml", "x/policy.yaml"]
    assert files.policy_files([tmp_path])[0] == (str(tmp_path / "a.yaml"), b"x")


def test_a_file_may_have_any_name_and_is_read_once(tmp_path):
    path = write(tmp_path / "policy.txt")
    assert found(path, path) == ["policy.txt"]
    other = write(tmp_path / "a.yaml")
    assert found(tmp_path, other) == ["a.yaml"]


def test_a_config_map_of_kubernetes(tmp_path):
    """Its files are links into a hidden folder, which is swapped as a whole; keys lie beside the policies."""
    write(tmp_path / "..2026_11_23/a.yaml", "policy")
    write(tmp_path / "..2026_11_23/release.pub", "key")
    (tmp_path / "..data").symlink_to("..2026_11_23")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    (tmp_path / "release.pub").symlink_to("..data/release.pub")
    assert found(tmp_path) == ["a.yaml"]
    ((name, raw),) = files.policy_files([tmp_path])
    assert raw == b"policy"
    assert files.beside(name, "release.pub") == b"key"


def test_a_folder_without_a_policy_is_an_error(tmp_path):
    write(tmp_path / "cases.yaml")
    assert problems(tmp_path) == (f"{tmp_path}: there is no policy (*.yaml) in this folder",)


def test_nothing_is_passed_over_in_silence(tmp_path):
    """A policy that is left out makes the set a weaker one."""
    write(tmp_path / "a.yaml")
    write(tmp_path / "b.yml")
    write(tmp_path / "x/c.yml")
    (tmp_path / "dangling.yaml").symlink_to("nowhere")
    assert problems(tmp_path, tmp_path / "absent.yaml") == (
        f"{tmp_path / 'b.yml'}: a policy's name ends in .yaml; rename it",
        f"{tmp_path / 'x/c.yml'}: a policy's name ends in .yaml; rename it",
        f"{tmp_path / 'dangling.yaml'}: there is no such file",
        f"{tmp_path / 'absent.yaml'}: there is no such file",
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_an_error(tmp_path):
    write(tmp_path / "a.yaml")
    write(tmp_path / "x/b.yaml")
    (tmp_path / "x").chmod(0)
    with pytest.raises(ConfigurationInvalid, match="cannot be read"):
        files.policy_files([tmp_path])


def test_reading_is_bounded(tmp_path):
    path = write(tmp_path / "a.yaml", "x" * CONFIGURATION_FILE_BYTES)
    assert len(files.read(path)) == CONFIGURATION_FILE_BYTES
    write(path, "x" * (CONFIGURATION_FILE_BYTES + 1))
    with pytest.raises(ConfigurationInvalid, match="more than 1048576 bytes"):
        files.read(path)


def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")  # opening it would wait for a writer
    for path, told in ((tmp_path / "pipe.yaml", "is not a file"), (tmp_path, "is not a file")):
        with pytest.raises(ConfigurationInvalid, match=told):
            files.read(path)
    with pytest.raises(ConfigurationInvalid):
        files.read(tmp_path / "a\0b")


def test_a_key_lies_beside_its_policy_or_below(tmp_path):
    policy = write(tmp_path / "policies/a.yaml")
    write(tmp_path / "policies/release.pub", "one")
    write(tmp_path / "policies/keys/other.pub", "two")
    assert files.beside(str(policy), "release.pub") == b"one"
    assert files.beside(str(policy), "./keys/other.pub") == b"two"


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "keys/../../secret",
        "/etc/passwd",
        "link",
        "links/secret",
        "..",
        "loop",
        "a\0b",
        "keys/../release.pub",
    ],
)
def test_nothing_beyond_the_folder_is_reached(tmp_path, name):
    policy = write(tmp_path / "policies/a.yaml")
    write(tmp_path / "policies/keys/x.pub")
    write(tmp_path / "policies/release.pub")
    write(tmp_path / "secret")
    (tmp_path / "policies/link").symlink_to("../secret")
    (tmp_path / "policies/links").symlink_to("..")
    (tmp_path / "policies/loop").symlink_to("loop")
    with pytest.raises(ConfigurationInvalid) as refused:
        files.beside(str(policy), name)
    told = str(refused.value)
    assert "is not beside the policy" in told or name == "loop"
