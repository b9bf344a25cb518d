"""Every client logs in at the gate, pushes, signs and pulls: with the registry's own password, and with the gate's.

The registry is closed in all of it. Who the gate's clients are differs: see `MODES`.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import bcrypt
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from harness import logins, servers
from harness.clients import Crane, Docker, Helm, Oras, Podman, Skopeo
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.process import Shell
from harness.servers import PASSWORD, USER, Server

from sealgate.adapters.clock import SystemClock

pytestmark = pytest.mark.client("docker-registry", "cosign2")

_PRIVATE = "is a private or link-local address"
"""What go-containerregistry says of a token server on another private address than its registry's; not of a relay."""

CAROL, WORD = "carol", "correct horse"
ISSUER, KEY = "https://issuer.example", generate_private_key(SECP256R1())
APPS = {"may": ["pull", "push", "sign"], "repositories": ["apps/**", "charts/**"]}
PUBLIC = {"who": "anyone", "may": ["pull"], "repositories": ["public/**"]}


@dataclass(frozen=True)
class Mode:
    """A way to set up the gate, and what a person types in there."""

    user: str
    password: str
    settings: dict[str, Any]
    credentials: Any
    tokens: bool = False
    challenges: str = "pass"


def token() -> str:
    now = int(SystemClock().now().timestamp())
    claims = {"iss": ISSUER, "aud": "gate", "sub": "carol", "iat": now, "exp": now + 3600}
    return jwt.encode(claims, KEY, algorithm="ES256", headers={"kid": "k"})


OWN = {"username": USER, "password_file": "password"}
OIDC = {"oidc": {"issuer": ISSUER, "audience": "gate", "jwks_file": "jwks.json"}}
USERS = {"htpasswd": "users"}
MODES = {
    "pass-through": Mode(USER, PASSWORD, {}, "pass-through"),
    "tokens": Mode(USER, PASSWORD, {}, "pass-through", tokens=True),
    "tokens-relayed": Mode(USER, PASSWORD, {}, "pass-through", tokens=True, challenges="relay"),
    "own": Mode(CAROL, WORD, {"auth": USERS}, OWN),
    "own-anonymous": Mode(
        CAROL, WORD, {"auth": {**USERS, "anonymous": True}, "access": [PUBLIC, {**APPS, "who": CAROL}]}, OWN
    ),
    "own-tokens": Mode(CAROL, WORD, {"auth": USERS}, OWN, tokens=True),
    "own-jwt": Mode("token", token(), {"auth": OIDC, "access": [{**APPS, "who": "oidc:carol"}]}, OWN),
}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with servers.registry(tmp_path_factory.mktemp("closed"), password=True) as server:
        yield server


@pytest.fixture(scope="module")
def gates(
    tmp_path_factory: pytest.TempPathFactory, closed: Server, release_key: KeyPair, policies: dict[str, str]
) -> Iterator[dict[str, Server]]:
    """A gate for each mode, before a registry with a password or one with a token server."""
    with ExitStack() as running:
        believing = running.enter_context(servers.token_registry(tmp_path_factory.mktemp("tokens")))
        made = {}
        for name, mode in MODES.items():
            home = tmp_path_factory.mktemp(f"gate-{name}")
            (home / "policies").mkdir()
            for file, text in policies.items():
                (home / "policies" / file).write_text(text)
            (home / "policies" / "release.pub").write_bytes(release_key.public.read_bytes())
            (home / "password").write_text(PASSWORD)
            (home / "users").write_text(f"{CAROL}:{bcrypt.hashpw(WORD.encode(), bcrypt.gensalt(4)).decode()}\n")
            entry = {**jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "k"}
            (home / "jwks.json").write_text(json.dumps({"keys": [entry]}))
            url = believing.registry.url if mode.tokens else closed.url
            upstream: dict[str, object] = {"name": "default", "url": url, "credentials": mode.credentials}
            if mode.tokens:
                upstream |= {"token_hosts": [believing.tokens], "challenges": mode.challenges}
            settings = {"upstreams": [upstream], "policies": ["policies"], **mode.settings}
            made[name] = running.enter_context(servers.gate_of(home, settings))
        yield made


@pytest.fixture
def person(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Somebody's home, where clients keep what they are told; its path is short, as podman wants it."""
    return Shell(tmp_path_factory.mktemp("p"))


def client_and_login(name: str, shell: Shell, dockerd: str) -> tuple[Any, logins.Login]:
    match name:
        case "docker":
            return Docker(shell, dockerd), lambda *words: logins.docker(*words, dockerd)
        case "podman":
            return Podman(shell), logins.podman
        case "skopeo":
            return Skopeo(shell), logins.skopeo
        case "crane":
            return Crane(shell), logins.crane
        case _:
            return Oras(shell), logins.oras


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("docker", marks=pytest.mark.client("docker")),
        pytest.param("podman", marks=pytest.mark.client("podman")),
        pytest.param("skopeo", marks=pytest.mark.client("skopeo")),
        pytest.param("crane", marks=pytest.mark.client("crane")),
        pytest.param("oras", marks=pytest.mark.client("oras")),
    ],
)
def test_log_in_push_sign_and_pull(
    name: str, mode: str, person: Shell, dockerd: str, gates: dict[str, Server], release_key: KeyPair,
    repository: str, image: Image,
) -> None:  # fmt: skip
    gate, said = gates[mode], MODES[mode]
    client, login = client_and_login(name, person, dockerd)
    reference = f"{gate.host}/{repository}:{TAG}"
    # docker asks five times within 50 s where nobody gets a token that does not do; to see that once is enough.
    if (name, mode) not in {("docker", "tokens-relayed"), ("docker", "own-anonymous")}:
        assert not client.push(image, reference).ok  # nobody
    wrong = login(person, gate.host, said.user, said.password + "x")
    assert name == "crane" or not wrong.ok, wrong.output
    right = login(person, gate.host, said.user, said.password)
    if (name, mode) == ("crane", "tokens"):
        assert _PRIVATE in right.output
        return
    # crane asks for a listing to see whether it may; there is no such repository, and it is told so.
    assert right.ok or (name == "crane" and "NAME_UNKNOWN" in right.output), right.output
    refused = client.push(image, reference)
    assert "denied by policy apps-are-signed" in refused.output, refused.output
    assert logins.cosign(person, 2, gate.host, said.user, said.password).ok
    signed = Cosign(person, 2).follow(refused.output, release_key)
    assert signed.ok, signed.output
    pushed = client.push(image, reference)
    assert pushed.ok, pushed.output
    pulled = client.pull(reference)
    assert pulled.ok, pulled.output


@pytest.mark.client("skopeo", "cosign3")
@pytest.mark.parametrize("mode", list(MODES))
def test_skopeo_with_creds_and_cosign_3(
    mode: str, person: Shell, gates: dict[str, Server], release_key: KeyPair, repository: str, image: Image
) -> None:
    gate, said = gates[mode], MODES[mode]
    target = f"docker://{gate.host}/{repository}:{TAG}"
    copy = ("skopeo", "copy", "--dest-tls-verify=false", "--dest-creds", f"{said.user}:{said.password}")
    refused = person.run(*copy, f"oci:{image.layout}:{TAG}", target)
    assert "denied by policy apps-are-signed" in refused.output, refused.output
    assert logins.cosign(person, 3, gate.host, said.user, said.password).ok
    signed = Cosign(person, 3).follow(refused.output, release_key)
    if mode == "tokens":
        assert _PRIVATE in signed.output
        return
    assert signed.ok, signed.output
    assert person.run(*copy, f"oci:{image.layout}:{TAG}", target).ok
    verified = Cosign(person, 3).verify(f"{gate.host}/{repository}@{image.digest}", release_key)
    assert verified.ok, verified.output


@pytest.mark.client("helm")
@pytest.mark.parametrize("mode", list(MODES))
def test_helm(mode: str, person: Shell, gates: dict[str, Server], release_key: KeyPair, repository: str) -> None:
    gate, said, helm = gates[mode], MODES[mode], Helm(person)
    name = repository.rpartition("/")[2][:50]
    chart, charts = helm.package(name, "1.0.0"), f"{gate.host}/charts"
    assert not logins.helm(person, gate.host, said.user, said.password + "x").ok
    login = logins.helm(person, gate.host, said.user, said.password)
    assert login.ok, login.output
    refused = helm.push(chart, charts)
    assert "denied by policy charts-are-signed" in refused.output, refused.output
    assert logins.cosign(person, 2, gate.host, said.user, said.password).ok
    signed = Cosign(person, 2).follow(refused.output, release_key)
    assert signed.ok, signed.output
    pushed = helm.push(chart, charts)
    assert pushed.ok, pushed.output
    pulled = helm.pull(f"{charts}/{name}", "1.0.0")
    assert pulled.ok, pulled.output
