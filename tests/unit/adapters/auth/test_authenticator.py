"""All ways together, certificates, and tokens of the gate's own."""

import base64

import bcrypt
import pytest

from sealgate.adapters.auth.authenticator import CombinedAuthenticator
from sealgate.adapters.auth.certificates import Certificates
from sealgate.adapters.auth.htpasswd import Htpasswd
from sealgate.adapters.auth.key_set import RemoteKeySet
from sealgate.adapters.auth.oidc import Issuer, OidcTokens
from sealgate.adapters.auth.sealed import SealedCredentials
from sealgate.limits import CREDENTIAL_FILE_SECONDS, GATE_TOKEN_SECONDS
from sealgate.policy.identity import NOBODY, Identity
from sealgate.ports import Presented
from sealgate.testing.oidc import OidcIssuer

CERTIFICATE = {
    "subject": ((("organizationName", "acme"),), (("commonName", "ci"),)),
    "subjectAltName": (("DNS", "ci.example"), ("URI", "spiffe://a/ci"), ("DNS", "two.example")),
    "notAfter": "Jan  1 00:00:00 2100 GMT",
}


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture
async def issuer():
    async with OidcIssuer() as made:
        yield made


@pytest.fixture
async def make(tmp_path, clock, issuer):
    (tmp_path / "users").write_text(f"ann:{bcrypt.hashpw(b'sesame', bcrypt.gensalt(4)).decode()}\n")
    made = []

    def authenticator(*ways: str) -> CombinedAuthenticator:
        said = Issuer(
            name="oidc", issuer=issuer.url, audiences=("sealgate",), algorithms=("ES256",), claims={}
        )  # fmt: skip
        tokens = OidcTokens(said, RemoteKeySet(issuer.url, "", clock), clock)
        made.append(
            CombinedAuthenticator(
                htpasswd=Htpasswd(tmp_path / "users", clock) if "htpasswd" in ways else None,
                issuers=[tokens] if "oidc" in ways else [],
                certificates=Certificates("common-name", clock) if "mtls" in ways else None,
                sealed=SealedCredentials(b"s" * 32, clock) if "anonymous" in ways else None,
            )
        )
        return made[-1]

    yield authenticator
    for one in made:
        await one.close()


async def by(authenticator: CombinedAuthenticator, authorization: str | None = None, certificate=None):
    return await authenticator.identify(Presented(authorization=authorization, certificate=certificate))


async def test_a_token_stands_for_itself_and_as_a_password(make, issuer):
    one = make("htpasswd", "oidc")
    token, alice = issuer.token(), Identity(name="oidc:alice")
    assert await by(one, f"Bearer {token}") == await by(one, basic("any", token)) == alice
    assert await by(one, basic("ann", "sesame")) == Identity(name="ann")
    assert one.challenge == "basic"


async def test_one_way_does_not_open_another(make, issuer):
    assert await by(make("htpasswd"), f"Bearer {issuer.token()}") is None
    assert await by(make("oidc"), basic("ann", "sesame")) is None
    assert await by(make("htpasswd"), certificate=CERTIFICATE) == NOBODY
    assert await by(make("mtls"), basic("ann", "sesame")) == NOBODY  # which is for the upstream


@pytest.mark.parametrize("wrong", [basic("ann", "x"), "Basic !", "Basic", "Bearer x", "Bearer a.b.c", "Digest a", ""])
async def test_what_is_wrong_is_not_made_up_for_by_a_certificate(make, wrong):
    one = make("htpasswd", "oidc", "mtls", "anonymous")
    assert await by(one, certificate=CERTIFICATE) == Identity(name="mtls:ci")
    assert await by(one, wrong, CERTIFICATE) is None


async def test_nothing_shown_is_nobody(make):
    assert await by(make("htpasswd")) == NOBODY
    assert not make("htpasswd").admits_nobody
    assert make("htpasswd", "anonymous").admits_nobody
    assert make("htpasswd", "anonymous").challenge == "bearer"
    assert make("mtls", "anonymous").challenge is None


async def test_a_token_of_the_gates_own_is_what_it_was_given_for(make, clock, issuer):
    one = make("htpasswd", "oidc", "anonymous")
    for shown, expected in (
        (basic("ann", "sesame"), Identity(name="ann")),
        (basic("x", issuer.token()), Identity(name="oidc:alice")),
        (None, NOBODY),
    ):
        issued = await one.issue(Presented(authorization=shown))
        assert issued.seconds == GATE_TOKEN_SECONDS
        assert await by(one, f"Bearer {issued.token}") == expected
        assert await by(one, f"Bearer {issued.token[:-3]}AAA") is None
        assert "sesame" not in issued.token
        clock.advance(GATE_TOKEN_SECONDS + 1)
        assert await by(one, f"Bearer {issued.token}") is None


async def test_no_token_for_what_is_wrong_and_none_for_a_token(make, issuer):
    one = make("htpasswd", "oidc", "anonymous")
    issued = await one.issue(Presented(authorization=basic("ann", "sesame")))
    assert await one.issue(Presented(authorization=basic("ann", "x"))) is None
    assert await one.issue(Presented(authorization=f"Bearer {issued.token}")) is None
    assert await make("htpasswd").issue(Presented(authorization=basic("ann", "sesame"))) is None


async def test_b36_a_token_ends_with_the_user(make, clock, tmp_path):
    one = make("htpasswd", "anonymous")
    issued = await one.issue(Presented(authorization=basic("ann", "sesame")))
    (tmp_path / "users").write_text("")
    clock.advance(CREDENTIAL_FILE_SECONDS)
    assert await by(one, f"Bearer {issued.token}") is None


async def test_another_gates_token(make, clock):
    other = SealedCredentials(b"t" * 32, clock).seal(basic("ann", "sesame"))
    assert await by(make("htpasswd", "anonymous"), f"Bearer {other.token}") is None


@pytest.mark.parametrize(
    ("field", "expected"), [("common-name", "ci"), ("uri", "spiffe://a/ci"), ("dns", None), ("email", None)]
)
def test_one_value_of_one_field_of_a_certificate(clock, field, expected):
    found = Certificates(field, clock).identify(CERTIFICATE)
    assert found == (None if expected is None else Identity(name=f"mtls:{expected}"))


@pytest.mark.parametrize(
    "change",
    [
        {"notAfter": "Jan  1 00:00:00 2020 GMT"},
        {"notAfter": None},
        {"subject": ()},
        {"subject": ((("commonName", ""),),)},
        {"subject": ((("commonName", "a\nb"),),)},
        {"subject": ((("commonName", "ci"),), (("commonName", "admin"),))},
    ],
)
def test_a_certificate_that_says_nothing(clock, change):
    assert Certificates("common-name", clock).identify({**CERTIFICATE, **change}) is None
