"""Trusted roots: what is read of one, and what is none."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealgate.adapters.signatures import second_opinion, trusted_roots
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile, Window
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.errors import ConfigurationInvalid
from sealgate.testing.sigstore import CtLog, PrivateSigstore, RekorV2Log, SigningKey
from sealgate.testing.sigstore.encoding import JsonObject

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_root_is_read_from_a_file(private_sigstore: PrivateSigstore, tmp_path: Path) -> None:
    path = tmp_path / "trusted_root.json"
    path.write_bytes(private_sigstore.trusted_root_json())
    root = TrustedRootFile.read(path)
    assert root.name == str(path)
    assert root.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [log.key.fingerprint for log in root.logs.values()] == [private_sigstore.log.key.fingerprint]
    assert list(root.logs) == [private_sigstore.log.key.key_id]
    assert list(root.ct_logs) == [private_sigstore.ct_logs[0].key.key_id]
    (authority,) = root.authorities
    assert authority.certificates == private_sigstore.authority.chain
    assert authority.window == Window(start=private_sigstore.start, end=None)
    (timestamps,) = root.timestamp_authorities
    assert timestamps.certificates == private_sigstore.timestamp_authority.chain


def test_the_public_good_root_ships_with_sigstore_python() -> None:
    root = TrustedRootFile.public_good()
    assert root.name == "public-good"
    rekor = bytes.fromhex("c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d")
    assert root.logs[rekor].key.algorithm == "ecdsa-p256"
    assert len(root.logs) == len(root.ct_logs) == len(root.authorities) == 2
    assert len(root.timestamp_authorities) == 1
    SigstoreVerifier({"default": root})


def test_a_package_without_a_root_is_a_problem_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted_roots, "_PUBLIC_GOOD_FILE", ("nothing.json",))
    with pytest.raises(ConfigurationInvalid, match="the sigstore package has none"):
        TrustedRootFile.public_good()


def test_what_cannot_be_read_is_a_problem_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="no such file"):
        TrustedRootFile.read(tmp_path / "absent.json")


def edited(sigstore: PrivateSigstore, edit: Callable[[JsonObject], object]) -> bytes:
    root = sigstore.trusted_root()
    edit(root)
    return json.dumps(root).encode()


def validity(root: JsonObject) -> JsonObject:
    stated: JsonObject = root["tlogs"][0]["publicKey"]["validFor"]
    return stated


@pytest.mark.parametrize(
    "edit",
    [
        lambda root: root.update(mediaType="application/vnd.dev.sigstore.trustedroot.v0.3+json"),
        lambda root: root.update(mediaType=""),
        lambda root: root.update(tlogs={}),
        lambda root: root.update(tlogs=[7]),
        lambda root: root.update(Tlogs=[]),
        lambda root: root["tlogs"].append(root["tlogs"][0]),
        lambda root: root["tlogs"][0].pop("publicKey"),
        lambda root: root["tlogs"][0].pop("logId"),
        lambda root: root["tlogs"][0]["logId"].update(keyId=""),
        lambda root: root["tlogs"][0]["publicKey"].update(rawBytes="%%%"),
        lambda root: root["tlogs"][0]["publicKey"].update(rawBytes="AAAA"),
        lambda root: root["tlogs"][0]["publicKey"].update(rawBytes=f"!{root['tlogs'][0]['publicKey']['rawBytes']}"),
        lambda root: root["tlogs"].append({**root["tlogs"][0], "publicKey": {"validFor": validity(root)}}),
        lambda root: root["tlogs"][0]["publicKey"].pop("validFor"),
        lambda root: root["ctlogs"][0]["publicKey"].pop("validFor"),
        lambda root: root["certificateAuthorities"][0].pop("validFor"),
        lambda root: root["certificateAuthorities"][0]["certChain"]["certificates"][0].update(rawBytes="AAAA"),
        lambda root: root["certificateAuthorities"][0].pop("certChain"),
        lambda root: root["certificateAuthorities"][0]["certChain"].update(certificates=[]),
        lambda root: root["certificateAuthorities"].append(root["certificateAuthorities"][0]),
        lambda root: root["timestampAuthorities"].append(root["timestampAuthorities"][0]),
        lambda root: root["timestampAuthorities"][0].pop("validFor"),
        lambda root: root["timestampAuthorities"][0]["validFor"].pop("start"),
        lambda root: root["tlogs"][0]["logId"].update(keyId="AAAA"),
        lambda root: root["tlogs"][0]["logId"].update(keyId=root["ctlogs"][0]["logId"]["keyId"]),
        lambda root: root["ctlogs"][0]["logId"].update(keyId=root["tlogs"][0]["logId"]["keyId"]),
        lambda root: root["tlogs"][0].update(checkpointKeyId={"keyId": "%"}),
        lambda root: root["tlogs"][0].update(baseUrl="file:///rekor"),
        lambda root: root["tlogs"][0].update(baseUrl="ftp://rekor.private.test"),
        lambda root: root["tlogs"][0].update(baseUrl="https:///rekor"),
        lambda root: root["tlogs"][0].update(baseUrl="https://rekor.private.test:0"),
        lambda root: validity(root).update(end="2020-01-01T00:00:00Z"),
        lambda root: validity(root).pop("start"),
        lambda root: validity(root).update(start=""),
        lambda root: validity(root).update(start="yesterday"),
        lambda root: validity(root).update(end="2026-13-01T00:00:00Z"),
        lambda root: validity(root).update(end="2026-01-01T00:00:00"),
        lambda root: validity(root).update(end=7),
    ],
)
def test_a20_a_root_that_leaves_something_open_is_refused(
    private_sigstore: PrivateSigstore, edit: Callable[[JsonObject], object]
) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"^trusted root mine: "):
        TrustedRootFile.parse(edited(private_sigstore, edit), "mine")


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b"{", b'{"tlogs": [], "tlogs": []}', b"\xff"])
def test_what_is_no_root_is_refused(raw: bytes) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"^trusted root mine: "):
        TrustedRootFile.parse(raw, "mine")


def test_a6_one_key_is_one_log_whatever_it_is_called(private_sigstore: PrivateSigstore) -> None:
    """An Ed25519 log's id is made of its name too, so one key could have any number of them."""

    def twice(root: JsonObject) -> None:
        other = json.loads(json.dumps(root["tlogs"][0]))
        other["logId"]["keyId"] = base64.b64encode(bytes(32)).decode()
        root["tlogs"].append(other)

    world = private_sigstore.with_parts(log=RekorV2Log())
    assert len(TrustedRootFile.parse(world.trusted_root_json(), "mine").logs) == 1
    with pytest.raises(ConfigurationInvalid, match="twice"):
        TrustedRootFile.parse(edited(world, twice), "mine")


def test_a6_one_id_is_one_log_whatever_its_key(private_sigstore: PrivateSigstore) -> None:
    world = private_sigstore.with_parts(logs=(RekorV2Log(), RekorV2Log("another.test")))
    assert len(TrustedRootFile.parse(world.trusted_root_json(), "mine").logs) == 2
    with pytest.raises(ConfigurationInvalid, match="twice"):
        TrustedRootFile.parse(edited(world, lambda root: root["tlogs"][1].update(logId=root["tlogs"][0]["logId"])), "x")


@pytest.mark.parametrize(("part", "size"), [("tlogs", 4), ("tlogs", 33), ("ctlogs", 32)])
def test_a20_an_id_that_cannot_be_that_of_its_key_is_refused(
    private_sigstore: PrivateSigstore, part: str, size: int
) -> None:
    """Only that of a log of Rekor v2 may be made of more than its key."""
    world = private_sigstore.with_parts(log=RekorV2Log(), ct_logs=[CtLog(key=SigningKey.generate("ed25519"))])
    for length, good in ((32, part == "tlogs"), (size, False)):
        log_id = base64.b64encode(bytes(length)).decode()
        raw = edited(world, lambda root, log_id=log_id: root[part][0].update(logId={"keyId": log_id}))
        if good:
            assert TrustedRootFile.parse(raw, "mine").logs
        else:
            with pytest.raises(ConfigurationInvalid, match="is not that of its key"):
                TrustedRootFile.parse(raw, "mine")


@pytest.mark.parametrize(
    "left", [{"tlogs"}, {"timestampAuthorities"}, {"certificateAuthorities"}, {"tlogs", "timestampAuthorities"}]
)
def test_a_root_names_somebody(private_sigstore: PrivateSigstore, left: set[str]) -> None:
    """A private log for managed keys needs no certificate authority beside it."""

    def leave(root: JsonObject) -> None:
        for name in {"tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"} - left:
            root[name] = None

    SigstoreVerifier({"default": TrustedRootFile.parse(edited(private_sigstore, leave), "mine")})
    left = set()
    with pytest.raises(ConfigurationInvalid, match="names no log and no authority"):
        TrustedRootFile.parse(edited(private_sigstore, leave), "mine")


def test_a20_a_root_whose_every_log_has_an_unusable_key_is_refused(private_sigstore: PrivateSigstore) -> None:
    raw = edited(private_sigstore, lambda root: root["ctlogs"][0]["publicKey"].update(rawBytes="AAAA"))
    with pytest.raises(ConfigurationInvalid, match="ctlogs has no key"):
        TrustedRootFile.parse(raw, "mine")


def test_what_sigstore_python_does_not_accept_is_refused_at_once(
    private_sigstore: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = TrustedRootFile.parse(private_sigstore.trusted_root_json(), "mine")
    monkeypatch.setattr(second_opinion.protojson, "trust_config_of", lambda _: "{}")
    with pytest.raises(ConfigurationInvalid, match=r"^trusted root mine: sigstore-python"):
        SigstoreVerifier({"default": root})


def test_a_root_may_have_no_ct_log_and_then_vouches_for_no_certificate(private_sigstore: PrivateSigstore) -> None:
    root = TrustedRootFile.parse(edited(private_sigstore, lambda root: root.pop("ctlogs")), "mine")
    assert root.ct_logs == {}
    SigstoreVerifier({"default": root})


def test_a_key_may_have_been_trusted_for_one_moment(private_sigstore: PrivateSigstore) -> None:
    raw = edited(private_sigstore, lambda root: validity(root).update(end=validity(root)["start"]))
    (log,) = TrustedRootFile.parse(raw, "mine").logs.values()
    assert log.window.end == log.window.start


def test_a_log_with_a_key_that_is_not_accepted_is_passed_over(private_sigstore: PrivateSigstore) -> None:
    weak = ec.generate_private_key(ec.SECP224R1()).public_key()
    spki = weak.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def add(root: JsonObject) -> None:
        more = json.loads(json.dumps(root["tlogs"][0]))
        more["publicKey"]["rawBytes"] = base64.b64encode(spki).decode()
        more["logId"]["keyId"] = base64.b64encode(bytes(32)).decode()
        root["tlogs"].append(more)

    root = TrustedRootFile.parse(edited(private_sigstore, add), "mine")
    assert list(root.logs) == [private_sigstore.log.key.key_id]


def test_a_window_holds_both_its_ends() -> None:
    second, end = timedelta(seconds=1), START + timedelta(days=1)
    window = Window(start=START, end=end)
    assert [window.holds(at) for at in (START - second, START, end, end + second)] == [False, True, True, False]
    assert Window(start=START, end=None).holds(end)
