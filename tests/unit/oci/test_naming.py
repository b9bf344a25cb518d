# ruff: noqa: E501 (tables of names are read best in whole lines)
"""Which registry a request is about: one allow-list, three ways to use it, one canonical name (attacks B17)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import ConfigurationInvalid, ReferenceMalformed
from sealgate.oci.naming import NamedRegistry, Names, Way
from sealgate.oci.reference import Repository

GATE = "gate.example"
DEFAULT = NamedRegistry(name="default", hosts=("old.corp", "old.corp:8443"), address="registry.corp:5000")
GHCR = NamedRegistry(name="ghcr.io", address="ghcr.io")
HUB = NamedRegistry(name="docker.io", address="registry-1.docker.io")
TEAM = NamedRegistry(name="team", hosts=("team.corp:5000",), address="10.0.0.1:5000")
NAMES = Names([DEFAULT, GHCR, HUB, TEAM], GATE)


def routed(name: str, ns: str = "", host: str = GATE) -> tuple[str, str, str]:
    found = NAMES.canonical(name, ns, host)
    assert NAMES.at(found.repository)[0] == NAMES.upstream_of(found.repository) == found.upstream
    return found.repository.name, found.upstream, found.way.value


@pytest.mark.parametrize(
    ("name", "ns", "host", "expected"),
    [
        ("app", "", GATE, ("app", "default", "default")),
        ("org/app", "", "", ("org/app", "default", "default")),
        ("org/app", "", "nobody.example", ("org/app", "default", "default")),
        ("org/app", GATE, GATE, ("org/app", "default", "default")),
        ("org/app", GATE + ":443", "GATE.example:443", ("org/app", "default", "default")),
        ("default/app", "", GATE, ("default/app", "default", "default")),
        # The default registry, by what else means it.
        ("org/app", "registry.corp:5000", GATE, ("org/app", "default", "ns")),
        ("org/app", "old.corp", GATE, ("org/app", "default", "ns")),
        ("org/app", "old.corp:8443", GATE, ("org/app", "default", "ns")),
        ("org/app", "", "registry.corp:5000", ("org/app", "default", "host")),
        ("org/app", "", "Old.Corp:443", ("org/app", "default", "host")),
        ("old.corp/org/app", "", GATE, ("org/app", "default", "path")),
        # Another one, each way, and several ways at once.
        ("ghcr.io/org/app", "", GATE, ("ghcr.io/org/app", "ghcr.io", "path")),
        ("org/app", "ghcr.io", GATE, ("ghcr.io/org/app", "ghcr.io", "ns")),
        ("org/app", "ghcr.io:443", GATE, ("ghcr.io/org/app", "ghcr.io", "ns")),
        ("org/app", "", "ghcr.io", ("ghcr.io/org/app", "ghcr.io", "host")),
        ("org/app", "", "GHCR.io:80", ("ghcr.io/org/app", "ghcr.io", "host")),
        ("org/app", "ghcr.io", "ghcr.io", ("ghcr.io/org/app", "ghcr.io", "host")),
        ("ghcr.io/org/app", "ghcr.io", GATE, ("ghcr.io/org/app", "ghcr.io", "ns")),
        ("ghcr.io/org/app", "", "ghcr.io", ("ghcr.io/org/app", "ghcr.io", "host")),
        ("team/app", "", GATE, ("team/app", "team", "path")),
        ("app", "team.corp:5000", GATE, ("team/app", "team", "ns")),
        # A name of a proxy of other registries is its own.
        ("quay.io/org/app", "ghcr.io", GATE, ("ghcr.io/quay.io/org/app", "ghcr.io", "ns")),
        # Docker Hub.
        ("alpine", "docker.io", GATE, ("docker.io/library/alpine", "docker.io", "ns")),
        ("library/alpine", "docker.io", GATE, ("docker.io/library/alpine", "docker.io", "ns")),
        ("docker.io/alpine", "", GATE, ("docker.io/library/alpine", "docker.io", "path")),
        ("docker.io/library/alpine", "", GATE, ("docker.io/library/alpine", "docker.io", "path")),
        ("index.docker.io/alpine", "", GATE, ("docker.io/library/alpine", "docker.io", "path")),
        ("registry-1.docker.io/org/app", "", GATE, ("docker.io/org/app", "docker.io", "path")),
        ("org/app", "", "registry-1.docker.io", ("docker.io/org/app", "docker.io", "host")),
        ("alpine", "", "index.docker.io", ("docker.io/library/alpine", "docker.io", "host")),
        ("alpine", "registry-1.docker.io", GATE, ("docker.io/library/alpine", "docker.io", "ns")),
    ],
)
def test_b17_whichever_way_it_comes_there_is_one_canonical_name(name, ns, host, expected):
    assert routed(name, ns, host) == expected


@pytest.mark.parametrize(
    ("name", "ns", "host"),
    [
        # Unknown.
        ("org/app", "quay.io", GATE), ("org/app", "ghcr.io:5000", GATE), ("org/app", "GHCR.IO", GATE),
        ("org/app", "ghcr.io.", GATE), ("org/app", "u@ghcr.io", GATE), ("org/app", "https://ghcr.io", GATE),
        ("org/app", "default", GATE), ("org/app", "ghcr.io/org", GATE), ("org/app", "*", GATE), ("org/app", " ", GATE),
        # Contradicting.
        ("ghcr.io/org/app", "docker.io", GATE), ("ghcr.io/org/app", "", "docker.io"), ("org/app", "ghcr.io", "docker.io"),
        ("team/app", "docker.io", GATE), ("team/app", "old.corp", GATE), ("ghcr.io/org/app", "registry.corp:5000", GATE),
        ("ghcr.io/org/app", "", "old.corp"), ("org/app", "old.corp", "ghcr.io"), ("team", "docker.io", GATE),
        # A host that is none of ours, at the default registry.
        ("quay.io/org/app", "", GATE), ("localhost/app", "", GATE), ("quay.io/org/app", "old.corp", GATE),
        ("gate.example/org/app", "", GATE), ("old.corp/quay.io/app", "", GATE), ("old.corp/localhost/app", "", GATE),
        ("quay.io", "", GATE), ("registry.corp/app", "", GATE),
        # It would be the name of another registry's.
        ("old.corp/team/app", "", GATE), ("old.corp/ghcr.io/org/app", "", GATE),
        # A registry and no repository.
        ("ghcr.io", "", GATE), ("team", "", GATE), ("ghcr.io", "ghcr.io", GATE),
    ],
)  # fmt: skip
def test_b17_what_is_unknown_contradicting_or_ambiguous_is_refused(name, ns, host):
    with pytest.raises(ReferenceMalformed):
        NAMES.canonical(name, ns, host)


@pytest.mark.parametrize(
    ("name", "ns", "host", "image"),
    [
        ("org/app", "", GATE, "gate.example/org/app"),
        ("ghcr.io/org/app", "", GATE, "gate.example/ghcr.io/org/app"),
        ("org/app", "ghcr.io", GATE, "gate.example/ghcr.io/org/app"),  # people cannot write ?ns=
        ("org/app", "", "GHCR.io", "ghcr.io/org/app"),  # and this host is the gate, for this client
        ("org/app", "ghcr.io", "ghcr.io", "ghcr.io/org/app"),
        ("alpine", "", "docker.io", "docker.io/library/alpine"),
        ("alpine", "docker.io", GATE, "gate.example/docker.io/library/alpine"),
        ("org/app", "", "evil.example", "gate.example/org/app"),
        ("org/app", "old.corp", GATE, "gate.example/org/app"),
    ],
)
def test_what_people_are_told_to_write_leads_through_the_gate_to_the_same(name, ns, host, image):
    found = NAMES.canonical(name, ns, host)
    assert found.image == image
    first, _, rest = image.partition("/")
    assert NAMES.canonical(rest, "", first).repository == found.repository


def test_docker_hub_may_be_the_default_registry():
    names = Names([NamedRegistry(name="default", address="registry-1.docker.io:443"), GHCR], GATE)
    for name, ns in [("alpine", ""), ("alpine", "docker.io"), ("docker.io/alpine", ""), ("library/alpine", "index.docker.io")]:  # fmt: skip
        assert names.canonical(name, ns, GATE).repository == Repository("library/alpine")
    assert names.canonical("ghcr.io/app", "", GATE).repository == Repository("ghcr.io/app")  # it has no library


def test_a_mirror_of_docker_hub_is_called_so():
    names = Names([NamedRegistry(name="hub", hosts=("docker.io",), address="mirror.corp")], GATE)
    assert names.canonical("alpine", "registry-1.docker.io", GATE).repository == Repository("hub/library/alpine")


def test_without_a_default_registry_a_name_has_to_say_which():
    names = Names([GHCR], GATE)
    assert names.canonical("ghcr.io/app", "", GATE).upstream == "ghcr.io"
    for call in (lambda: names.canonical("app", "", GATE), lambda: names.at(Repository("app/x"))):
        with pytest.raises(ReferenceMalformed, match="there is no default one"):
            call()
    assert names.registry("", GATE) == (None, Way.DEFAULT)


def test_requests_without_a_repository():
    assert NAMES.registry("", GATE) == ("default", Way.DEFAULT)
    assert NAMES.registry("ghcr.io", GATE) == ("ghcr.io", Way.NS)
    assert NAMES.registry("", "ghcr.io") == ("ghcr.io", Way.HOST)
    for ns, host in [("quay.io", GATE), ("ghcr.io", "docker.io")]:
        with pytest.raises(ReferenceMalformed):
            NAMES.registry(ns, host)


@pytest.mark.parametrize(
    ("name", "ns", "source", "expected"),
    [
        ("ghcr.io/org/app", "", "ghcr.io/org/base", "ghcr.io/org/base"),
        ("org/app", "ghcr.io", "org/base", "ghcr.io/org/base"),
        ("org/app", "ghcr.io", "ghcr.io/org/base", "ghcr.io/org/base"),
        ("org/app", "", "org/base", "org/base"),
        ("org/app", "", "ghcr.io/org/base", None),
        ("ghcr.io/org/app", "", "org/base", None),
        ("ghcr.io/org/app", "", "docker.io/base", None),
        ("org/app", "ghcr.io", "docker.io/base", None),
        ("org/app", "", "quay.io/base", None),
    ],
)
def test_b19_a_mount_comes_from_the_same_registry_by_the_same_words_or_not_at_all(name, ns, source, expected):
    found = NAMES.beside(NAMES.canonical(name, ns, GATE), source)
    assert (found.name if found else None) == expected


@pytest.mark.parametrize(("upstream", "own"), [("default", "quay.io/x"), ("default", "team/x"), ("default", "ghcr.io")])
def test_what_the_default_registry_calls_by_another_ones_name_has_no_canonical_name(upstream, own):
    with pytest.raises(ReferenceMalformed):
        NAMES.canonical_at(upstream, Repository(own))


def test_canonical_names_of_what_registries_list():
    assert NAMES.canonical_at("default", Repository("a/b")) == Repository("a/b")
    assert NAMES.canonical_at("ghcr.io", Repository("a/b")) == Repository("ghcr.io/a/b")


def test_a_canonical_name_that_is_too_long_is_refused():
    assert routed("a" * 255)[1] == "default"
    with pytest.raises(ReferenceMalformed, match="255"):
        NAMES.canonical("a" * 250, "ghcr.io", GATE)


@pytest.mark.parametrize(
    ("registries", "told"),
    [
        ([DEFAULT, NamedRegistry(name="a", hosts=("old.corp",), address="a")], "old.corp would mean two upstreams: default and a"),
        ([DEFAULT, NamedRegistry(name="a", hosts=("OLD.corp:443",), address="a")], "old.corp would mean two upstreams: default and a"),
        ([GHCR, NamedRegistry(name="ghcr.io", address="b")], "ghcr.io is the name of two upstreams"),
        ([HUB, NamedRegistry(name="a", hosts=("index.docker.io",), address="a")], "docker.io would mean two upstreams: docker.io and a"),
        ([GHCR, NamedRegistry(name="a", address="ghcr.io:443")], "ghcr.io:443 would be behind two names: ghcr.io and a"),
        ([DEFAULT, NamedRegistry(name="default", address="b")], "there are two default upstreams"),
        ([NamedRegistry(name="gate.example", address="b")], "gate.example would mean the upstream gate.example, and is what clients call the gate"),
        ([NamedRegistry(name="default", address="team.corp:5000"), TEAM], "team.corp:5000 would mean two upstreams: default and team"),
    ],
)  # fmt: skip
def test_settings_in_which_a_name_could_mean_two_registries_are_refused(registries, told):
    with pytest.raises(ConfigurationInvalid) as refused:
        Names(registries, GATE)
    assert told in refused.value.problems


def test_the_default_registry_may_have_given_its_name_to_the_gate():
    names = Names([NamedRegistry(name="default", address=GATE), GHCR], GATE)
    assert names.canonical("ghcr.io/app", GATE, GATE).upstream == "ghcr.io"


COMPONENTS = st.sampled_from(
    ["app", "org", "team", "ghcr.io", "docker.io", "old.corp", "quay.io", "localhost", "library"]
)
HOSTS = st.sampled_from(["", GATE, "ghcr.io", "docker.io", "old.corp", "team.corp:5000", "x.example"])


@given(st.lists(COMPONENTS, min_size=1, max_size=3).map("/".join), HOSTS, HOSTS)
def test_b17_no_two_repositories_ever_have_one_canonical_name(name, ns, host):
    """What it is asked for as, at which registry, follows from the canonical name alone, and leads back to it."""
    try:
        found = NAMES.canonical(name, ns, host)
    except ReferenceMalformed:
        return
    upstream, own = NAMES.at(found.repository)
    assert upstream == found.upstream
    assert NAMES.canonical_at(upstream, own) == found.repository
    assert name.endswith(own.name) or own.name == f"library/{name.rpartition('/')[2]}"
    again = NAMES.canonical(found.repository.name, "", GATE)
    assert (again.repository, again.upstream) == (found.repository, found.upstream)
