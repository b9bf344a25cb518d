"""Patterns over repository names: what they cover, what they capture, and what could never match."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import GLOB_CHARACTERS
from sealgate.policy import glob
from sealgate.policy.repositories import CAPTURE, RepositoryGlob, repository_glob


@pytest.mark.parametrize(
    ("pattern", "name", "captured"),
    [
        ("production/*", "production/app", {}),
        ("production/*", "production/team/app", None),
        ("production/**", "production/team/app", {}),
        ("production/**", "production", None),
        ("production/*", "xproduction/app", None),
        ("production/*", "production-evil/app", None),
        ("team*", "team-evil", {}),
        ("ghcr.io/myorg/{repo}", "ghcr.io/myorg/app", {"repo": "app"}),
        ("ghcr.io/myorg/{repo}", "ghcr.io/myorg/a/b", None),
        ("ghcr.io/myorg/{repo}", "ghcr.io/myorg/", None),
        ("ghcr.io/myorg/{repo}", "ghcr.io/other/app", None),
        ("{org}/{repo}", "a/b", {"org": "a", "repo": "b"}),
        ("{org}/*/{repo}", "a/x/b", {"org": "a", "repo": "b"}),
        ("{org}/**", "a/b/c", {"org": "a"}),
        ("{org}/**", "a", None),
        ("**/{repo}", "a/b/c", {"repo": "c"}),
        ("**/{repo}", "c", None),
        ("{org}/**/{repo}", "a/b/c/d", {"org": "a", "repo": "d"}),
        ("{org}/**/{repo}", "a/d", None),
        ("x/{a}/?", "x/y/z", {"a": "y"}),
        ("x/{a}/?", "x/y/zz", None),
        ("{a}", "", None),
    ],
)
def test_what_a_pattern_covers_and_captures(pattern, name, captured):
    assert repository_glob(pattern).capture(name) == captured


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("", "can match no repository: names have no empty segment"),
        ("/a", "names have no empty segment"),
        ("a/", "names have no empty segment"),
        ("a//b", "names have no empty segment"),
        ("A/b", "names are in lower case"),
        ("a b", "names are made of"),
        (" a", "names are made of"),
        ("a\n", "names are made of"),
        ("ａ", "names are made of"),
        ("a:latest", "names hold no port, no tag and no digest"),
        ("a@sha256:00", "names hold no port, no tag and no digest"),
        ("localhost:5000/a", "names hold no port"),
        ("https://ghcr.io/a", "has no https:// before it"),
        ("a/[bc]", "names are made of"),
        ("app-{name}", "app-{name} is no capture: it is a whole segment"),
        ("{Name}", "{Name} is no capture"),
        ("{}", "{} is no capture"),
        ("{1a}", "{1a} is no capture"),
        ("{a}{b}", "is no capture"),
        ("a}", "is no capture"),
        ("{a,b}", "is no capture"),
        ("{a}/{a}", "a capture is named twice"),
        ("**/{a}/**", "beside captures ** may stand once"),
        ("{a}/x**", "beside captures ** may stand once"),
        ("{a}/***", "beside captures ** may stand once"),
        ("a" * (GLOB_CHARACTERS + 1), "at most 1000 characters"),
    ],
)
def test_what_is_no_pattern(pattern, told):
    with pytest.raises(ConfigurationInvalid) as refused:
        repository_glob(pattern)
    assert told in str(refused.value)


NAMES = st.lists(st.text(alphabet="ab", min_size=1, max_size=2), min_size=1, max_size=5).map("/".join)
SEGMENTS = st.sampled_from(["a", "b", "ab", "*", "a*", "?", "**", "{x}", "{y}"])


@given(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join), NAMES)
def test_a_capture_is_a_star_that_is_remembered(text, name):
    """What matches is what the glob with `*` for each capture matches; put back, the captures give the name."""
    try:
        pattern = repository_glob(text)
    except ConfigurationInvalid:
        assume(False)
        raise
    captured = pattern.capture(name)
    assert (captured is not None) is glob.matches(CAPTURE.sub("*", text), name)
    if captured is not None:
        assert set(captured) == set(pattern.names)
        assert glob.matches(CAPTURE.sub(lambda found: captured[found[1]], text), name)


def test_its_repr_tells_all_of_it():
    assert repr(repository_glob("a/{b}")) == "RepositoryGlob(text='a/{b}')"
    assert repository_glob("a/*") == RepositoryGlob("a/*")
