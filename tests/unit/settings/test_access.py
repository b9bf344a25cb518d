"""`auth`, `access` and the credentials of upstreams: what they come to, and what is refused about them."""

from pathlib import Path

import pytest

from sealgate.errors import ConfigurationInvalid
from sealgate.policy.access import Grant, Right
from sealgate.settings import Overrides, read_settings
from sealgate.settings.model import AuthSettings, IssuerSettings, UpstreamCredentials

FOLDER = Path("/etc/sealgate")
TLS = "tls: {certificate: c.crt, key: c.key, client_ca: ca.crt}\n"
OWN = "{username: gate, password_file: pw}"
OIDC = "oidc: {issuer: https://a.example, audience: gate}"


def read(text: str, credentials: str = "anonymous"):
    upstream = f'{{name: default, url: "https://r.example", credentials: {credentials}}}'
    raw = f"upstreams: [{upstream}]\npolicies: [p.yaml]\n{text}\n".encode()
    return read_settings("s.yaml", raw, flags=Overrides(), variables={}, folder=FOLDER)


def problems(text: str, credentials: str = "anonymous") -> list[str]:
    with pytest.raises(ConfigurationInvalid) as caught:
        read(text, credentials)
    return list(caught.value.problems)


def test_nothing_said():
    settings = read("", "pass-through")
    assert (settings.auth, settings.access) == (None, None)
    assert settings.upstreams[0].credentials == UpstreamCredentials()


def test_every_way_together():
    settings = read(
        TLS + "auth:\n"
        "  htpasswd: users\n"
        "  oidc:\n"
        "    - {issuer: https://a.example, audience: gate, groups_claim: groups, claims: {org: mine}}\n"
        "    - {name: k8s, issuer: kubernetes, audience: [x, y], jwks_file: jwks.json, algorithms: [RS256]}\n"
        "  mtls: {identity: uri}\n"
        "  anonymous: true\n"
        "access:\n"
        '  - {who: [ci, "group:ops"], may: [pull, push], repositories: ["apps/**"]}\n'
        '  - {who: anyone, may: [pull], repositories: ["public/**"]}\n'
    )
    assert settings.auth == AuthSettings(
        htpasswd=FOLDER / "users",
        issuers=(
            IssuerSettings(
                name="oidc",
                issuer="https://a.example",
                audiences=("gate",),
                algorithms=("RS256", "ES256"),
                groups_claim="groups",
                claims={"org": "mine"},
            ),
            IssuerSettings(
                name="k8s",
                issuer="kubernetes",
                audiences=("x", "y"),
                algorithms=("RS256",),
                jwks_file=FOLDER / "jwks.json",
            ),
        ),
        certificate_field="uri",
        anonymous=True,
    )
    assert settings.access == (
        Grant(who=frozenset({"ci", "group:ops"}), may=frozenset({Right.PULL, Right.PUSH}), repositories=("apps/**",)),
        Grant(who=frozenset({"anyone"}), may=frozenset({Right.PULL}), repositories=("public/**",)),
    )


@pytest.mark.parametrize(
    ("auth", "required"),
    [("{mtls: {}}", True), ("{mtls: {}, anonymous: true}", False), ("{mtls: {}, htpasswd: u}", False), (None, True)],
)
def test_a_certificate_is_required_where_it_is_the_only_way(auth, required):
    settings = read(TLS + (f"auth: {auth}" if auth else ""))
    assert settings.tls.client_certificate_required is required


def test_own_credentials():
    found = read("auth: {htpasswd: u}", OWN).upstreams[0].credentials
    assert found == UpstreamCredentials(pass_through=False, username="gate", password_file=FOLDER / "pw")
    found = read("auth: {htpasswd: u}", "{docker_config: c.json}").upstreams[0].credentials
    assert found == UpstreamCredentials(pass_through=False, docker_config=FOLDER / "c.json")


@pytest.mark.parametrize(
    ("text", "credentials", "expected"),
    [
        ("auth: nobody", "anonymous", "s.yaml:3: auth: nobody is not anonymous"),
        (
            "auth: {anonymous: false}",
            "anonymous",
            "s.yaml:3: auth: names no way to tell clients apart; or say auth: anonymous",
        ),
        ("auth: {}", "anonymous", "s.yaml:3: auth: must not be empty"),
        ("auth: {htpasswd: u}", "pass-through", "upstreams[0].credentials: what clients show to the gate"),
        ("auth: {" + OIDC + "}", "pass-through", "upstreams[0].credentials: what clients show to the gate"),
        ("", OWN, "upstreams[0].credentials: credentials of its own make the gate responsible"),
        ("auth: anonymous", OWN, "upstreams[0].credentials: credentials of its own would be lent to anybody"),
        ("auth: {mtls: {}}", "anonymous", "auth: mtls needs to know who vouches for clients"),
        ("", "{username: a}", "upstreams[0].credentials: this says not with whose right"),
        ("", "{docker_config: a, username: b, password_file: c}", "this says not with whose right"),
        ("", "somebody", "upstreams[0].credentials: this says not with whose right"),
        ("auth: {oidc: {issuer: https://a.example}}", "anonymous", "the field audience is missing"),
        ("auth: {oidc: {issuer: http://a.example, audience: x}}", "anonymous", "the https:// URL of a server"),
        ("auth: {oidc: {issuer: a, audience: x}}", "anonymous", "the https:// URL of a server"),
        ("auth: {oidc: {issuer: https://a, audience: x, jwks_url: http://a/k}}", "anonymous", "one https:// URL"),
        ("auth: {oidc: {issuer: https://a, audience: x, algorithms: [HS256]}}", "anonymous", '"HS256" is not one of'),
        ("auth: {oidc: {issuer: https://a, audience: x, algorithms: [none]}}", "anonymous", '"none" is not one of'),
        ("auth: {oidc: {issuer: https://a, audience: x, name: mtls}}", "anonymous", "mtls is no name of an issuer"),
        ("auth: {oidc: {issuer: https://a, audience: x, name: 'a:b'}}", "anonymous", "a:b is no name of an issuer"),
        (
            "auth: {oidc: [{issuer: https://a, audience: x}, {issuer: https://b, audience: x}]}",
            "anonymous",
            "two issuers have one name",
        ),
        (
            "auth: {oidc: [{issuer: https://a, audience: x}, {name: b, issuer: https://a, audience: x}]}",
            "anonymous",
            "two issuers have one issuer",
        ),
        (
            "auth: {oidc: [{issuer: https://a, audience: x, groups_claim: g}, "
            "{name: b, issuer: https://b, audience: x, groups_claim: g}]}",
            "anonymous",
            "groups of two issuers could not be told apart",
        ),
        ('access: [{who: "group:a", may: [pull], repositories: [a]}]', "anonymous", "no issuer says who is in group:a"),
        ("access: [{who: anyone, may: [inspect], repositories: [a]}]", "anonymous", "the log must name who did"),
        ('access: [{who: a, may: [pull], repositories: ["{x}"]}]', "anonymous", "captures stand in policies only"),
        ("access: [{who: a, may: [pull], repositories: [A]}]", "anonymous", "can match no repository"),
        ("access: [{who: a, may: [read], repositories: [a]}]", "anonymous", '"read" is not one of'),
        ("access: [{who: a, may: [pull]}]", "anonymous", "the field repositories is missing"),
        ("access: []", "anonymous", "access: must not be empty"),
    ],
)
def test_what_is_refused(text, credentials, expected):
    assert any(expected in problem for problem in problems(text, credentials)), problems(text, credentials)


def test_relayed_challenges_are_those_of_clients():
    raw = (
        b"upstreams: [{name: default, url: 'https://r', credentials: anonymous, challenges: relay,"
        b" token_hosts: ['https://a']}]\npolicies: [p]\n"
    )
    with pytest.raises(ConfigurationInvalid) as caught:
        read_settings("s.yaml", raw, flags=Overrides(), variables={}, folder=FOLDER)
    assert "only where the client's credentials pass through" in str(caught.value)
    assert "https://a is no host" in str(caught.value)
