"""Challenges, and where they may lead the gate's credentials."""

import pytest

from sealgate.adapters.upstream.challenge import Challenge, read_challenge, token_server
from sealgate.adapters.upstream.scopes import Scope
from sealgate.adapters.upstream.target import Origin
from sealgate.errors import Malformed

REALM = "https://auth.docker.io/token"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        (["Negotiate"], None),
        (["Basic realm=x"], Challenge(scheme="basic")),
        (['BASIC realm="a b", charset="UTF-8"'], Challenge(scheme="basic")),
        ([f'Bearer realm="{REALM}"'], Challenge(scheme="bearer", realm=REALM)),
        (
            [f'Bearer realm="{REALM}",service="registry.docker.io",scope="repository:a:pull,push"'],
            Challenge(scheme="bearer", realm=REALM, service="registry.docker.io"),
        ),
        ([f'bearer  scope="a" , realm="{REALM}" ,'], Challenge(scheme="bearer", realm=REALM)),
        (
            [f'Basic realm="x", Bearer realm="{REALM}",service=s'],
            Challenge(scheme="bearer", realm=REALM, service="s"),
        ),
        (
            [f'Bearer realm="{REALM}",service=s', 'Basic realm="x"'],
            Challenge(scheme="bearer", realm=REALM, service="s"),
        ),
        (["Bearer"], Challenge(scheme="bearer")),
    ],
)
def test_a_challenge(values, expected):
    assert read_challenge(values) == expected


@pytest.mark.parametrize(
    "values",
    [
        [f'Bearer realm="{REALM}", Bearer realm="https://evil.example"'],
        [f'Bearer realm="{REALM}"', 'Bearer realm="https://evil.example"'],
        [f'Bearer realm="{REALM}",realm="https://evil.example"'],
        [f'Bearer realm="{REALM}",REALM="https://evil.example"'],
        [f'Bearer realm="{REALM}'],
        [f'Bearer realm="{REALM}",service="a\\"b"'],
        ["Bearer realm=" + "x" * 5000],
        ["Basic realm=x, " * 20],
        ["=a"],
    ],
)
def test_b26_a_challenge_that_can_be_read_in_two_ways_is_read_in_none(values):
    with pytest.raises(Malformed):
        read_challenge(values)


@pytest.mark.parametrize(
    ("home", "realm"),
    [
        ("https://registry-1.docker.io", REALM),
        ("https://ghcr.io", "https://ghcr.io/token"),
        ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth?x=y"),
        ("https://r.shop.co.uk", "https://auth.shop.co.uk:8443/t"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000/token"),
        ("http://localhost:5000", "http://localhost:5000/token"),
        ("http://registry", "http://registry/token"),
        ("http://r.example.com", "https://auth.example.com/token"),
        ("https://registry.internal", "https://auth.split.internal:8443/token"),
    ],
)
def test_where_tokens_may_be(home, realm):
    target = token_server(realm, Origin.parse(home), frozenset({"auth.split.internal"}))
    assert target.origin.host in realm


@pytest.mark.parametrize(
    ("home", "realm"),
    [
        ("https://ghcr.io", "https://evil.example/token"),
        ("https://ghcr.io", "https://ghcr.io.evil.example/token"),
        ("https://ghcr.io", "https://evilghcr.io/token"),
        ("https://ghcr.io", "http://ghcr.io/token"),  # down to plain HTTP
        ("https://a.co.uk", "https://b.co.uk/token"),
        ("https://a.github.io", "https://b.github.io/token"),
        ("https://r.team-a.svc.cluster.local", "https://r.team-b.svc.cluster.local/t"),
        ("https://r.example.com", "https://127.0.0.1/token"),
        ("https://r.example.com", "https://[::1]/token"),
        ("https://r.example.com", "https://169.254.169.254/token"),
        ("https://r.example.com", "https://2130706433/token"),
        ("https://r.example.com", "https://127.1/token"),
        ("https://r.example.com", "https://localhost/token"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token"),
        ("http://127.0.0.1:5000", "http://localhost:5000/token"),
        ("http://localhost:5000", "http://localhost:5001/token"),
        ("http://localhost:5000", "http://127.0.0.1:5000/token"),
        ("https://ghcr.io", "/token"),
        ("https://ghcr.io", "//ghcr.io/token"),
        ("https://ghcr.io", ""),
        ("https://ghcr.io", "https://user:pass@ghcr.io/token"),
        ("https://ghcr.io", "https://ghcr.io@evil.example/token"),
        ("https://ghcr.io", "https://ghcr.io\\@evil.example/token"),
        ("https://ghcr.io", "https://ghcr.io#@evil.example/token"),
        ("https://ghcr.io", "https://ghcr.io/token#x"),
        ("https://ghcr.io", "ftp://ghcr.io/token"),
        ("https://ghcr.io", "https://gh\u0441r.io/token"),
        ("https://registry", "https://auth/token"),
    ],
)
def test_b26_a_realm_elsewhere_gets_nothing(home, realm):
    with pytest.raises(Malformed):
        token_server(realm, Origin.parse(home), frozenset())


@pytest.mark.parametrize("text", ["repository:a/b:pull", "repository(plugin):a:pull,push", "repository:a:*"])
def test_a_scope(text):
    assert str(Scope.parse(text)) == text.replace("(plugin)", "")


@pytest.mark.parametrize(
    "text", ["", "repository:a", "repository:A:pull", "registry:catalog:*", "repository:a:pull x", "repository:a:all"]
)
def test_what_is_no_scope(text):
    with pytest.raises(Malformed):
        Scope.parse(text)
