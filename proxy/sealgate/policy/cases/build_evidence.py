"""What a case says was found, as the facts that a verifier would have established."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sealgate.errors import ConfigurationInvalid, JsonMalformed
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Evidence,
    KeylessSigner,
    KeySigner,
    LogProof,
    LogRecord,
    RejectedCandidate,
    Shortfall,
    Signer,
    Source,
    Stated,
    VerifiedAttestation,
    VerifiedSignature,
)
from sealgate.oci import strict_json
from sealgate.oci.digest import Digest
from sealgate.oci.strict_json import Json
from sealgate.policy.cases.facts import made_up_digest, moment
from sealgate.policy.model import Policy
from sealgate.policy.predicate_types import PREDICATE_TYPES
from sealgate.policy.problems import Path, did_you_mean
from sealgate.policy.strict_yaml import Document

_LOG: Final = made_up_digest("the log of a case").hex
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
_OF_SIGNATURES: Final = ("log", "at", "reference", "predicate_type", "predicate", "predicate_file")
_OF_CERTIFICATES: Final = ("identity", "issuer", "claims", "trusted_root")


class EvidenceBuilder:
    """Makes facts of words.

    Args:
        policies: whose names for keys are used.
        ring: the keys of the key ring, by name.
        trusted_roots: the names of the trusted roots that there are.
        read_file: reads the file that a case names, relative to the cases' own; raises `ConfigurationInvalid`.
    """

    def __init__(
        self,
        policies: Sequence[Policy],
        ring: Iterable[tuple[str, PublicKey]],
        trusted_roots: frozenset[str],
        read_file: Callable[[str, str], bytes],
    ) -> None:
        self._read_file = read_file
        self._named: dict[str, dict[str, PublicKey]] = {}
        for name, key in ring:
            self._named.setdefault(name, {})[key.fingerprint] = key
        for policy in policies:
            for wanted in (*policy.named_keys, *policy.denied.keys):
                self._named.setdefault(wanted.name, {})[wanted.key.fingerprint] = wanted.key
        self._trusted_roots = trusted_roots

    def build(
        self,
        document: Document,
        path: Path,
        subject: Digest,
        keys: Sequence[PublicKey],
        now: datetime,
        names: tuple[str, ...],
    ) -> Evidence:
        """What was found about a digest.

        Args:
            document: what says so, at `path`.
            path: where.
            subject: the digest.
            keys: those that the policies which cover the request name.
            now: when it is decided.
            names: of the case, for what is made up.
        """
        tried = {key.fingerprint for key in keys}
        signatures: list[VerifiedSignature] = []
        attestations: list[VerifiedAttestation] = []
        rejected: list[RejectedCandidate] = []
        shortfalls: list[Shortfall] = []
        for at in range(len(document.items(path))):
            place, source = (*path, at), Source(made_up_digest(*names, "evidence", at), 0)
            data = document.fitting(place)
            self._check_kind(document, place, data)
            if "rejected" in data:
                reason = Reason(data["rejected"])
                rejected.append(RejectedCandidate(source=source, reason=reason, detail="it does not verify"))
            elif "unavailable" in data:
                reason = Reason(data["unavailable"])
                shortfalls.append(Shortfall(reason=reason, detail="what there is cannot all be read"))
            elif "signed_by" in data and (signer := self._signer(document, (*place, "signed_by"), tried)) is not None:
                # By a key that no policy which covers the request names, it is one by another key: so the rules say.
                fact = _signature(document, place, data, source, signer, now)
                if "predicate_type" in data:
                    stated = self._stated(document, place, data, subject)
                    attestations.append(VerifiedAttestation(fact=replace(fact, stated=stated)))
                else:
                    signatures.append(fact)
        return Evidence(
            subject=subject,
            signatures=tuple(signatures),
            attestations=tuple(attestations),
            rejected=tuple(rejected),
            shortfalls=tuple(shortfalls),
        )

    def _check_kind(self, document: Document, path: Path, data: dict[str, Any]) -> None:
        """An entry is a signature, an attestation, something rejected, or something unavailable."""
        if not document.all_fit(path):
            return
        kinds = [kind for kind in ("signed_by", "rejected", "unavailable") if kind in data]
        if len(kinds) != 1:
            told = f"it is both {' and '.join(kinds)}" if kinds else "it is nothing"
            document.refuse(path, told, "evidence has one of signed_by, rejected and unavailable")
        elif kinds != ["signed_by"]:
            for field in _OF_SIGNATURES:
                if field in data:
                    document.refuse((*path, field), f"{field} has no meaning beside {kinds[0]}", "leave it out")
        elif "predicate_type" in data:
            if {"predicate", "predicate_file"} <= data.keys():
                document.refuse((*path, "predicate_file"), "give predicate or predicate_file, not both")
        else:
            for field in ("predicate", "predicate_file"):
                if field in data:
                    document.refuse((*path, field), f"{field} needs a predicate_type")

    def _stated(self, document: Document, path: Path, data: dict[str, Any], subject: Digest) -> Stated:
        """An in-toto statement about the subject."""
        said = data["predicate_type"]
        uri = PREDICATE_TYPES.get(said, said)
        if "://" not in uri:
            hint = did_you_mean(said, PREDICATE_TYPES) or f"a URI, or one of {', '.join(PREDICATE_TYPES)}"
            document.refuse((*path, "predicate_type"), f"{said} is no type of a predicate", hint)
        predicate: Json = data.get("predicate", {})
        if "predicate_file" in data:
            try:
                predicate = strict_json.loads(self._read_file(document.file, data["predicate_file"]))
            except (ConfigurationInvalid, JsonMalformed) as bad:
                document.refuse((*path, "predicate_file"), str(bad))
        about: Json = [{"name": "case", "digest": {subject.algorithm: subject.hex}}]
        statement = {"_type": STATEMENT_TYPE, "subject": about, "predicateType": uri, "predicate": predicate}
        return Stated(predicate_type=uri, payload=json.dumps(statement).encode())

    def _signer(self, document: Document, path: Path, tried: set[str]) -> Signer | None:
        data = document.fitting(path)
        if not document.all_fit(path):
            return None
        if "key" not in data:
            missing = [field for field in ("identity", "issuer") if field not in data]
            for field in missing:
                document.refuse(
                    path, f"the field {field} is missing", "a signer is a key, or an identity and its issuer"
                )
            return None if missing else self._keyless(document, path, data)
        for field in _OF_CERTIFICATES:
            if field in data:
                document.refuse((*path, field), f"{field} has no meaning beside key", "leave it out")
        found = self._named.get(data["key"], {})
        # Two policies may call two keys by one name: then it is the one that the covering ones name.
        meant = sorted(set(found) & tried or found)
        if not meant:
            hint = did_you_mean(data["key"], self._named) or "a key that nobody knows is rejected: key-not-trusted"
            document.refuse((*path, "key"), f"no policy and no key ring names a key {data['key']}", hint)
            return None
        if len(meant) > 1:
            text = f"{data['key']} is the name of {len(meant)} keys"
            document.refuse((*path, "key"), text, "give each file or each key of the ring a name of its own")
            return None
        return KeySigner(meant[0])

    def _keyless(self, document: Document, path: Path, data: dict[str, Any]) -> KeylessSigner:
        claims: dict[str, str] = data.get("claims", {})
        root = data.get("trusted_root", "default")
        if root not in self._trusted_roots:
            known = ", ".join(sorted(self._trusted_roots))
            hint = did_you_mean(root, self._trusted_roots) or f"there are {known}; name others in trusted_roots"
            document.refuse((*path, "trusted_root"), f"there is no trusted root {root}", hint)
        return KeylessSigner(data["identity"], data["issuer"], root, MappingProxyType(claims))


def _signature(
    document: Document, path: Path, data: dict[str, Any], source: Source, signer: Signer, now: datetime
) -> VerifiedSignature:
    log = LogProof(data.get("log", "inclusion"))
    at = now
    try:
        at = moment(data.get("at"), now)
    except ConfigurationInvalid as bad:
        document.refuse((*path, "at"), str(bad))
    vouched = log is not LogProof.NONE or "at" in data
    return VerifiedSignature(
        source=source,
        signer=signer,
        log=log,
        entries=() if log is LogProof.NONE else (LogRecord(log_id=_LOG, proof=log, index=0, at=at),),
        timestamps=(at,) if log is LogProof.NONE and vouched else (),
        signed_at=(at,) if vouched else (),
        reference=data.get("reference", ""),
    )
