"""The private Sigstore over HTTP: sigstore-python signs with it; and what cosign asks, asked by hand."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any

import pytest
from cryptography import x509
from rfc3161_client import TimestampRequestBuilder, VerifierBuilder, decode_timestamp_response
from rfc3161_client.base import HashAlgorithm
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from sealgate.adapters.clock import SystemClock
from sealgate.oci.digest import Digest
from sealgate.testing.clock import FixedClock
from sealgate.testing.sigstore import PrivateSigstore, RekorV2Log, SigningKey, TransparencyLog, log_entries
from sealgate.testing.sigstore.encoding import b64, canonical_json, compact_json
from sealgate.testing.sigstore.fixtures import SIGNING_TIME
from sealgate.testing.sigstore.server import SigstoreServer
from sealgate.testing.sigstore.signing import LOG_ENTRY
from sealgate.testing.sigstore.transparency_log import EARLIER_ENTRIES

PERSON = "dev@example.com"
WORKFLOW = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
ISSUER = "https://accounts.example.com"
SUBJECT = Digest.of(b"a manifest")


@dataclass(frozen=True)
class Client:
    """Asks a served Sigstore, whose clock stands at `SIGNING_TIME`."""

    sigstore: PrivateSigstore
    server: SigstoreServer
    clock: FixedClock

    def ask(self, method: str, target: str, body: bytes = b"", token: str = "") -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection(self.server.url.removeprefix("http://"))
        try:
            connection.request(method, target, body, {"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        finally:
            connection.close()

    def get(self, target: str) -> Any:
        status, _, body = self.ask("GET", target)
        assert status == 200, body
        return json.loads(body)

    def post(self, target: str, document: object, token: str = "") -> tuple[int, Any]:
        status, _, body = self.ask("POST", target, compact_json(document), token)
        return status, json.loads(body)


@pytest.fixture
def client(private_sigstore: PrivateSigstore) -> Iterator[Client]:
    clock = FixedClock(SIGNING_TIME)
    sigstore = private_sigstore.with_parts(logs=(private_sigstore.log, RekorV2Log()))
    with SigstoreServer(sigstore, clock) as server:
        yield Client(sigstore, server, clock)


# --- sigstore-python --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("identity", [PERSON, WORKFLOW])
@pytest.mark.parametrize("log", [TransparencyLog, RekorV2Log])
def test_sigstore_python_signs(log: type[TransparencyLog | RekorV2Log], identity: str) -> None:
    clock = SystemClock()  # sigstore-python compares with its own
    sigstore = PrivateSigstore(now=clock.now()).with_parts(log=log())
    with SigstoreServer(sigstore, clock) as server:
        config = ClientTrustConfig.from_json(
            json.dumps(
                {
                    "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                    "trustedRoot": sigstore.trusted_root(),
                    "signingConfig": server.signing_config(),
                }
            )
        )
        token = IdentityToken(server.identity_token(identity=identity, issuer=ISSUER))
        with SigningContext.from_trust_config(config).signer(token) as signer:
            bundle = signer.sign_artifact(b"hello")
    who = Identity(identity=identity, issuer=ISSUER)
    Verifier(trusted_root=config.trusted_root).verify_artifact(b"hello", bundle, who)
    assert len(server.requests) == 3


# --- certificates -----------------------------------------------------------------------------------------------------


def older_request(key: SigningKey, name: str) -> dict[str, object]:
    return {"publicKey": {"content": b64(key.public_pem)}, "signedEmailAddress": b64(key.sign(name.encode()))}


def request(key: SigningKey, name: str) -> dict[str, object]:
    public = {"algorithm": "ECDSA", "content": key.public_pem.decode()}
    return {"publicKeyRequest": {"publicKey": public, "proofOfPossession": b64(key.sign(name.encode()))}}


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"])
def test_a_certificate_for_a_key_that_is_possessed(client: Client, algorithm: Any) -> None:
    key, claims = SigningKey.generate(algorithm), {"source_repository_uri": "https://github.com/acme/app"}
    token = client.server.identity_token(identity=WORKFLOW, issuer=ISSUER, claims=claims)
    status, answer = client.post("/api/v2/signingCert", request(key, WORKFLOW), token)
    assert status == 200
    leaf, *chain = answer["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    certificate = x509.load_pem_x509_certificate(leaf.encode())
    assert certificate.public_key() == key.private.public_key()
    assert certificate.not_valid_before_utc == SIGNING_TIME
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [WORKFLOW]
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.12")
    assert b"github.com/acme/app" in certificate.extensions.get_extension_for_oid(oid).value.public_bytes()
    assert chain == client.get("/api/v2/trustBundle")["chains"][0]["certificates"]


def test_a_certificate_as_cosign_2_asks_for_it(client: Client) -> None:
    token, key = client.server.identity_token(identity=PERSON, issuer=ISSUER), SigningKey.generate()
    body = compact_json(older_request(key, PERSON))
    status, headers, answer = client.ask("POST", "/api/v1/signingCert", body, token)
    assert (status, headers["Content-Type"]) == (201, "application/pem-certificate-chain")
    leaf, *chain = x509.load_pem_x509_certificates(answer)
    assert leaf.public_key() == key.private.public_key()
    assert tuple(chain) == client.sigstore.authority.chain


@pytest.mark.parametrize(("target", "make"), [("/api/v1/signingCert", older_request), ("/api/v2/signingCert", request)])
def test_no_certificate_for_a_key_that_is_not_possessed(client: Client, target: str, make: Any) -> None:
    token = client.server.identity_token(identity=PERSON, issuer=ISSUER)
    assert client.post(target, make(SigningKey.generate(), "someone@example.com"), token)[0] == 400


@pytest.mark.parametrize("token", ["", "a.b.c"])
def test_no_certificate_without_a_token(client: Client, token: str) -> None:
    assert client.post("/api/v2/signingCert", request(SigningKey.generate(), PERSON), token)[0] == 401


def test_no_certificate_for_a_token_of_another_sigstore(client: Client, private_sigstore: PrivateSigstore) -> None:
    other = SigstoreServer(private_sigstore, client.clock)
    with other:
        token = other.identity_token(identity=PERSON, issuer=ISSUER)
    assert client.post("/api/v2/signingCert", request(SigningKey.generate(), PERSON), token)[0] == 401


def test_no_certificate_for_a_token_that_has_expired(client: Client) -> None:
    token = client.server.identity_token(identity=PERSON, issuer=ISSUER)
    client.clock.advance(601)
    assert client.post("/api/v2/signingCert", request(SigningKey.generate(), PERSON), token)[0] == 401


# --- logs -------------------------------------------------------------------------------------------------------------


def test_an_entry_is_found_by_index_and_by_id_with_a_proof_of_the_tree_as_it_is(client: Client) -> None:
    key = SigningKey.generate()
    body = log_entries.hashedrekord(b"hello", key.sign(b"hello"), key.verifier)
    status, made = client.post("/api/v1/log/entries", body)
    assert status == 201
    ((name, entry),) = made.items()
    assert json.loads(base64.b64decode(entry["body"])) == body
    assert entry["integratedTime"] == int(SIGNING_TIME.timestamp())
    assert entry["verification"]["inclusionProof"]["treeSize"] == EARLIER_ENTRIES + 1
    other = log_entries.hashedrekord(b"bye", key.sign(b"bye"), key.verifier)
    assert [client.post("/api/v1/log/entries", one)[0] for one in (other, other)] == [201, 409]
    for target in (f"/api/v1/log/entries?logIndex={entry['logIndex']}", f"/api/v1/log/entries/{name}"):
        ((_, found),) = client.get(target).items()
        assert found["verification"]["inclusionProof"]["treeSize"] == EARLIER_ENTRIES + 2
        assert {**found, "verification": None} == {**entry, "verification": None}
    state = client.get("/api/v1/log")
    assert state["treeSize"] == EARLIER_ENTRIES + 2
    assert state["rootHash"] == found["verification"]["inclusionProof"]["rootHash"]
    assert client.ask("GET", "/api/v1/log/publicKey")[2] == client.sigstore.log.key.public_pem


def test_an_entry_that_came_another_way_is_found_too(client: Client) -> None:
    signature = client.sigstore.simple_signature(SUBJECT, SigningKey.generate())
    payload = json.loads(signature.annotations[LOG_ENTRY])["Payload"]
    ((_, found),) = client.get(f"/api/v1/log/entries?logIndex={payload['logIndex']}").items()
    assert found["body"] == payload["body"]


def test_the_log_keeps_of_an_envelope_what_the_private_sigstore_writes(client: Client) -> None:
    key = SigningKey.generate()
    bundle = client.sigstore.bundle(SUBJECT, key, logged=False)
    text, verifier = compact_json(bundle["dsseEnvelope"]).decode(), b64(key.verifier)
    for kind, version, spec in (
        ("dsse", "0.0.1", {"proposedContent": {"envelope": text, "verifiers": [verifier]}}),
        ("intoto", "0.0.1", {"content": {"envelope": text}, "publicKey": verifier}),
    ):
        status, made = client.post("/api/v1/log/entries", {"kind": kind, "apiVersion": version, "spec": spec})
        assert status == 201
        ((_, entry),) = made.items()
        written = TransparencyLog().log_envelope(bundle["dsseEnvelope"], key, SIGNING_TIME, kind=f"{kind}/{version}")
        assert entry["body"] == written["canonicalizedBody"]


@pytest.mark.parametrize(
    ("target", "status"),
    [("/api/v1/log/entries?logIndex=5", 404), ("/api/v1/log/entries/00", 404), ("/api/v1/elsewhere", 404)],
)
def test_what_is_not_there(client: Client, target: str, status: int) -> None:
    assert client.ask("GET", target)[0] == status


@pytest.mark.parametrize("body", [b"", b"[]", b'{"kind": "jar", "apiVersion": "0.0.1", "spec": {}}'])
def test_what_no_log_takes(client: Client, body: bytes) -> None:
    assert client.ask("POST", "/api/v1/log/entries", body)[0] == 400


def test_rekor_v2_takes_signatures_and_no_envelopes(client: Client) -> None:
    key = SigningKey.generate("ecdsa-p384")
    signature = {"content": b64(key.sign(b"hello")), "verifier": key.verifier_v2}
    wanted = {"digest": b64(hashlib.sha384(b"hello").digest()), "signature": signature}
    status, entry = client.post("/api/v2/log/entries", {"hashedRekordRequestV002": wanted})
    assert status == 201
    body = log_entries.hashedrekord_v002(b"hello", key.sign(b"hello"), key)
    body["spec"]["hashedRekordV002"]["signature"] = signature  # ECDSA signs differently each time
    assert base64.b64decode(entry["canonicalizedBody"]) == canonical_json(body)
    assert entry["inclusionProof"]["checkpoint"]["envelope"].encode() == client.ask("GET", "/api/v2/checkpoint")[2]
    assert client.post("/api/v2/log/entries", {"dsseRequestV002": {}})[0] == 400


# --- timestamps -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("certificates", [True, False])
@pytest.mark.parametrize("nonce", [True, False])
@pytest.mark.parametrize("algorithm", [HashAlgorithm.SHA256, HashAlgorithm.SHA512])
def test_a_timestamp_of_what_was_asked(
    client: Client, algorithm: HashAlgorithm, nonce: bool, certificates: bool
) -> None:
    builder = TimestampRequestBuilder().data(b"hello").hash_algorithm(algorithm)
    asked = builder.nonce(nonce=nonce).cert_request(cert_request=certificates).build()
    status, headers, answer = client.ask("POST", "/api/v1/timestamp", asked.as_bytes())
    assert (status, headers["Content-Type"]) == (201, "application/timestamp-reply")
    authority, response = client.sigstore.timestamp_authority, decode_timestamp_response(answer)
    verifier = VerifierBuilder.from_request(asked).tsa_certificate(authority.leaf).add_root_certificate(authority.root)
    assert verifier.build().verify_message(response, b"hello")
    assert response.tst_info.gen_time == SIGNING_TIME
    assert len(response.signed_data.certificates) == int(certificates)


def test_the_clock_is_the_servers(client: Client) -> None:
    client.clock.advance(90)
    asked = TimestampRequestBuilder().data(b"hello").build()
    answer = client.ask("POST", "/api/v1/timestamp", asked.as_bytes())[2]
    assert decode_timestamp_response(answer).tst_info.gen_time == SIGNING_TIME + timedelta(seconds=90)
