"""Tokens of an issuer: what is believed, and all that is not."""

import base64
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealgate.adapters.auth.key_set import FileKeySet, RemoteKeySet, read_key_set
from sealgate.adapters.auth.oidc import Issuer, OidcTokens, looks_like_token, unverified_issuer
from sealgate.errors import AuthenticationUnavailable, ConfigurationInvalid
from sealgate.limits import KEY_SET_RETRY_SECONDS, KEY_SET_SECONDS, KEY_SET_STALE_SECONDS, TOKEN_LEEWAY_SECONDS
from sealgate.policy.identity import Identity
from sealgate.testing.oidc import OidcIssuer

DAY = 86_400


def packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture
async def issuer():
    async with OidcIssuer() as made:
        yield made


@pytest.fixture
async def make(issuer, clock):
    made = []

    def tokens(**settings) -> OidcTokens:
        settings = {"algorithms": ("RS256", "ES256"), "claims": {}, "audiences": ("sealgate",), **settings}
        said = Issuer(name="oidc", issuer=issuer.url, **settings)
        made.append(OidcTokens(said, RemoteKeySet(issuer.url, "", clock), clock))
        return made[-1]

    yield tokens
    for one in made:
        await one.close()


async def test_a_token(make, issuer):
    tokens = make(groups_claim="groups")
    assert await tokens.identify(issuer.token()) == Identity(name="oidc:alice")
    assert await tokens.identify(issuer.token(groups=["a", "b"])) == Identity(
        name="oidc:alice", groups=frozenset({"a", "b"})
    )
    assert await tokens.identify(issuer.token(groups="a", aud=["other", "sealgate"])) == Identity(
        name="oidc:alice", groups=frozenset({"a"})
    )
    assert issuer.requests == ["/.well-known/openid-configuration", "/keys"]


async def test_groups_count_only_where_the_settings_name_their_claim(make, issuer):
    assert (await make().identify(issuer.token(groups=["admins"]))).groups == frozenset()


BAD_CLAIMS = [
    {"aud": "another"},
    {"aud": None},
    {"aud": []},
    {"iss": "https://elsewhere.example"},
    {"iss": None},
    {"exp": None},
    {"exp": "soon"},
    {"exp": True},
    {"exp": 10**400},
    {"sub": None},
    {"sub": ""},
    {"sub": 7},
    {"sub": "a\nb"},
    {"sub": "x" * 300},
    {"iat": "now"},
    {"groups": [f"{n}" for n in range(300)]},
    {"groups": {"a": 1}},
    {"headers": {"kid": "unknown"}},
    {"headers": {"crit": ["x"], "x": 1}},
    {"headers": {"typ": "secevent+jwt"}},
    {"seconds": -TOKEN_LEEWAY_SECONDS},
]


@pytest.mark.parametrize("claims", BAD_CLAIMS, ids=str)
async def test_what_is_not_believed(make, issuer, claims, clock):
    assert await make(groups_claim="groups").identify(issuer.token(now=clock.now().timestamp(), **claims)) is None


async def test_times_are_those_of_the_gates_clock(make, issuer, clock):
    tokens, now = make(), clock.now().timestamp()
    token = issuer.token(now=now, seconds=60)
    later = issuer.token(now=now, nbf=int(now + 120))
    ahead = issuer.token(now=now + 120)
    assert await tokens.identify(token)
    assert await tokens.identify(later) is None
    assert await tokens.identify(ahead) is None
    clock.advance(60 + TOKEN_LEEWAY_SECONDS)
    assert await tokens.identify(token) is None
    assert await tokens.identify(later)
    assert await tokens.identify(ahead)


async def test_another_key_of_the_same_name_signs_nothing(make, issuer):
    assert await make().identify(issuer.token(key=ec.generate_private_key(ec.SECP256R1()))) is None


async def test_a_key_has_one_algorithm(make, issuer):
    """RFC 8725 section 3.1: what a token says of its algorithm does not choose how a key is used."""
    another = rsa.generate_private_key(65537, 2048)
    assert await make().identify(issuer.token(key=another, algorithm="RS256")) is None


def test_no_symmetric_key_is_one(issuer):
    entry = {"kty": "oct", "k": base64.urlsafe_b64encode(b"x" * 32).decode(), "kid": "first", "alg": "HS256"}
    with pytest.raises(ConfigurationInvalid):
        read_key_set("jwks", json.dumps({"keys": [entry]}).encode())


async def test_the_public_key_is_no_secret(make, issuer):
    """RFC 8725 section 2.1: HS256 with the public key for a secret; `none`."""
    tokens = make(algorithms=("RS256", "ES256", "HS256"))  # even if the settings could say so
    public = issuer._keys["first"].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    header, body, _ = issuer.token().split(".")
    symmetric, none = (packed(b'{"alg":"%b","kid":"first"}' % alg) for alg in (b"HS256", b"none"))
    mac = packed(hmac.digest(public, f"{symmetric}.{body}".encode(), "sha256"))
    assert await tokens.identify(f"{symmetric}.{body}.{mac}") is None
    assert await tokens.identify(f"{none}.{body}.") is None
    assert await tokens.identify(f"{none}.{body}.AA") is None
    assert await tokens.identify(f"{header}.{body}.AAAA") is None


async def test_an_algorithm_that_is_not_allowed(make, issuer):
    assert await make(algorithms=("RS256",)).identify(issuer.token()) is None


async def test_claims_that_the_settings_ask_for(make, issuer):
    tokens = make(claims={"repository_owner": "mine"})
    assert await tokens.identify(issuer.token(repository_owner="mine"))
    assert await tokens.identify(issuer.token(repository_owner="theirs")) is None
    assert await tokens.identify(issuer.token()) is None


async def test_an_address_counts_only_when_it_was_checked(make, issuer):
    tokens = make(username_claim="email")
    assert await tokens.identify(issuer.token(email="a@b.example")) is None
    assert await tokens.identify(issuer.token(email="a@b.example", email_verified="true")) is None
    assert await tokens.identify(issuer.token(email="a@b.example", email_verified=True)) == Identity(
        name="oidc:a@b.example"
    )


async def test_a_new_key_is_found_but_not_asked_for_again_and_again(make, issuer, clock):
    tokens = make()
    assert await tokens.identify(issuer.token())
    issuer.rotate("second")
    asked = len(issuer.requests)
    for _ in range(5):
        assert await tokens.identify(issuer.token()) is None  # the last fetch was a moment ago
    assert len(issuer.requests) == asked
    clock.advance(KEY_SET_RETRY_SECONDS)
    assert await tokens.identify(issuer.token())
    for kid in range(20):
        await tokens.identify(issuer.token(headers={"kid": f"made-up-{kid}"}))
    assert len(issuer.requests) == asked + 2


async def test_b36_a_key_that_was_withdrawn_is_gone_with_the_next_fetch(make, issuer, clock):
    tokens, old = make(), issuer.token(seconds=DAY)
    assert await tokens.identify(old)
    issuer.rotate("second")
    clock.advance(KEY_SET_SECONDS + 1)
    assert await tokens.identify(old) is None


async def test_an_issuer_that_is_away_is_believed_for_a_while(make, issuer, clock):
    tokens, token = make(), issuer.token(seconds=DAY)
    assert await tokens.identify(token)
    issuer.answers["/.well-known/openid-configuration"] = (500, b"")
    clock.advance(KEY_SET_SECONDS + 1)
    assert await tokens.identify(token)
    clock.advance(KEY_SET_STALE_SECONDS)
    with pytest.raises(AuthenticationUnavailable):
        await tokens.identify(token)


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"{}"),
        (200, b'{"issuer":"https://other.example","jwks_uri":"ISSUER/keys"}'),
        (200, b'{"issuer":"ISSUER/","jwks_uri":"ISSUER/keys"}'),
        (200, b'{"issuer":"ISSUER","jwks_uri":"ISSUER/keys"}' + b" " * 300_000),
        (302, b""),
        (200, b'{"issuer":"ISSUER","jwks_uri":"file:///etc/passwd"}'),
        (200, b'{"issuer":"ISSUER","jwks_uri":"/keys"}'),
        (200, b"not json"),
    ],
    ids=lambda answer: f"{answer[0]} {answer[1][:60]!r}",
)
async def test_a_discovery_document_that_is_none(make, issuer, answer):
    status, body = answer
    issuer.answers["/.well-known/openid-configuration"] = (status, body.replace(b"ISSUER", issuer.url.encode()))
    with pytest.raises(AuthenticationUnavailable):
        await make().identify(issuer.token())


@pytest.mark.parametrize("place", [0, 1])
async def test_a_token_of_brackets_is_none(make, issuer, place):
    """Deeper than Python's JSON reads: an accident of the reader must not be one of the gate."""
    parts = issuer.token().split(".")
    parts[place] = packed(b"[" * 8000)
    assert await make().identify(".".join(parts)) is None
    assert unverified_issuer(".".join(parts)) in ("", issuer.url)


@pytest.mark.parametrize(
    "entry",
    [
        {"x": 7},
        {"x": []},
        {"crv": "P-999"},
        {"x": "!"},
        {"y": None},
        {"kid": 7},
        {"use": "enc"},
        {"kty": "XY"},
        {"kty": "RSA", "alg": "none", "n": "AQAB", "e": "AQAB"},
    ],
    ids=str,
)
def test_an_entry_that_is_no_key_is_left_out(issuer, entry):
    key = json.loads(issuer.key_set())["keys"][0]
    raw = json.dumps({"keys": [{**key, "kid": "bad", **entry}, key]}).encode()
    assert list(read_key_set("jwks", raw)) == ["first"]


@pytest.mark.parametrize("raw", [b"{}", b'{"keys":[]}', b'{"keys":[1]}', b"[]", b"x", b'{"keys":"x"}'])
def test_a_key_set_that_is_none(raw):
    with pytest.raises(ConfigurationInvalid):
        read_key_set("jwks", raw)


async def test_keys_from_a_file_as_of_a_cluster_that_publishes_none(tmp_path, issuer, clock):
    """Kubernetes: RS256, no `alg` beside the key in older versions, and nothing to ask on the network."""
    private = rsa.generate_private_key(65537, 2048)
    entry = {**jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True), "kid": "k8s", "use": "sig"}
    (tmp_path / "jwks").write_text(json.dumps({"keys": [entry, {"kty": "oct", "k": "AA"}]}))
    said = Issuer(name="k8s", issuer=issuer.url, audiences=("sealgate",), algorithms=("RS256",), claims={})
    tokens = OidcTokens(said, FileKeySet(tmp_path / "jwks", clock), clock)
    account = "system:serviceaccount:ci:deployer"
    token = issuer.token(account, key=private, algorithm="RS256", headers={"kid": "k8s"})
    assert await tokens.identify(token) == Identity(name=f"k8s:{account}")
    assert issuer.requests == []


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "a.b.c ", "a.b.ü", "a..c", "a.b." + "c" * 20_000])
def test_what_does_not_look_like_a_token(text):
    assert not looks_like_token(text)
