"""References as people type them."""

import pytest

from sealgate.cli.references import parse_named
from sealgate.errors import ReferenceMalformed
from sealgate.oci.digest import Digest
from sealgate.oci.naming import NamedRegistry, Names

D = Digest.of(b"")
NAMES = Names(
    [
        NamedRegistry(name="default", address="127.0.0.1:5000"),
        NamedRegistry(name="ghcr.io", address="ghcr.io"),
        NamedRegistry(name="docker.io", address="registry-1.docker.io"),
        NamedRegistry(name="build", hosts=("build.corp:8443",), address="10.0.0.1"),
    ],
    "localhost:8080",
)


@pytest.mark.parametrize(
    ("text", "repository", "asked"),
    [
        ("team/app:1.0", "team/app", "1.0"),
        ("app", "app", "latest"),
        (f"app@{D}", "app", str(D)),
        (f"app:1.0@{D}", "app", str(D)),
        ("localhost:8080/team/app:1", "team/app", "1"),
        ("127.0.0.1:5000/team/app:1", "team/app", "1"),
        ("ghcr.io/org/app:1", "ghcr.io/org/app", "1"),
        ("localhost:8080/ghcr.io/org/app:1", "ghcr.io/org/app", "1"),
        ("build/app", "build/app", "latest"),
        ("build.corp:8443/app:1", "build/app", "1"),
        ("docker.io/alpine:3", "docker.io/library/alpine", "3"),
        (f"index.docker.io/library/alpine@{D}", "docker.io/library/alpine", str(D)),
    ],
)
def test_every_spelling_of_a_reference(text, repository, asked):
    found, reference, image = parse_named(text, NAMES)
    assert (found.name, str(reference), image) == (repository, asked, f"localhost:8080/{repository}")


@pytest.mark.parametrize(
    "text",
    ["quay.io/org/app:1", "localhost/app", "127.0.0.1:5001/app", "ghcr.io", "127.0.0.1:5000/ghcr.io/app", "App", "a:",
     "a@sha256:x", "", "/a", "a/", "https://ghcr.io/a"],
)  # fmt: skip
def test_what_names_no_repository_behind_this_gate(text):
    with pytest.raises(ReferenceMalformed):
        parse_named(text, NAMES)
