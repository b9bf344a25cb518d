"""The transparency logs' APIs: Rekor v1 (rekor's openapi.yaml) and v2 (rekor-tiles' rekor_service.proto)."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sealgate.ports import Clock
from sealgate.testing.sigstore import log_entries, merkle
from sealgate.testing.sigstore.encoding import JsonObject, canonical_json
from sealgate.testing.sigstore.rekor_v2 import RekorV2Log
from sealgate.testing.sigstore.server.http import Answer, Refused, Request, Routes, told
from sealgate.testing.sigstore.transparency_log import TransparencyLog

_TREE: Final = f"{1:016x}"  # what Rekor's entry ids begin with: of which tree they are


@dataclass(frozen=True, slots=True)
class RekorV1Api:
    """Takes entries into a log and shows all that it ever took, with a proof in the tree as it then is."""

    log: TransparencyLog
    clock: Clock

    @property
    def routes(self) -> Routes:
        """What it answers."""
        return {
            "POST /api/v1/log/entries": self.add,
            "GET /api/v1/log/entries": self.by_index,
            "GET /api/v1/log/entries/": self.by_id,
            "GET /api/v1/log": self.state,
            "GET /api/v1/log/publicKey": self.public_key,
        }

    def add(self, request: Request) -> Answer:
        """Take what a client proposes, once."""
        body = stored(request.json)
        name = _name(canonical_json(body))
        headers = {"ETag": name, "Location": f"/api/v1/log/entries/{name}"}
        if any(_name(raw) == name for raw in self.log.bodies):
            return told({"code": 409, "message": "an equivalent entry already exists"}, 409, headers)
        return told({name: self._shown(self.log.append(body, self.clock.now()))}, 201, headers)

    def by_index(self, request: Request) -> Answer:
        """The entry with the `logIndex` asked for."""
        wanted = request.query.get("logIndex")
        return self._found(entry for entry in self.log.entries if entry["logIndex"] == wanted)

    def by_id(self, request: Request) -> Answer:
        """The entry with the id asked for, with or without the tree it is of."""
        wanted = request.path.rpartition("/")[2]
        return self._found(entry for entry in self.log.entries if wanted and _named(entry).endswith(wanted))

    def _found(self, entries: Iterator[JsonObject]) -> Answer:
        for entry in entries:
            return told({_named(entry): self._shown(entry)})
        raise Refused(404, "no such entry")

    def state(self, request: Request) -> Answer:  # noqa: ARG002 - it is asked for nothing
        """How large the tree is, and its checkpoint."""
        root, size = merkle.root_hash(self.log.bodies), len(self.log.bodies)
        checkpoint = self.log.checkpoint(root, size)
        return told({"rootHash": root.hex(), "treeSize": size, "treeID": "1", "signedTreeHead": checkpoint})

    def public_key(self, request: Request) -> Answer:  # noqa: ARG002
        """Its key: whoever believes it, trusts anybody (gitsign CVE-2023-47122)."""
        return Answer(status=200, body=self.log.key.public_pem, media_type="application/x-pem-file")

    def _shown(self, entry: JsonObject) -> JsonObject:
        proof = self.log.inclusion_proof(int(entry["inclusionProof"]["logIndex"]))
        return {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logID": _hexadecimal(entry["logId"]["keyId"]),
            "logIndex": int(entry["logIndex"]),
            "verification": {
                "inclusionProof": {
                    "checkpoint": proof["checkpoint"]["envelope"],
                    "hashes": [_hexadecimal(node) for node in proof["hashes"]],
                    "logIndex": int(proof["logIndex"]),
                    "rootHash": _hexadecimal(proof["rootHash"]),
                    "treeSize": int(proof["treeSize"]),
                },
                "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            },
        }


def stored(proposed: JsonObject) -> JsonObject:
    """What Rekor v1 keeps of an entry that a client proposes; of an envelope its hashes.

    Raises:
        Refused: it is of no kind that is known here.
    """
    spec = proposed["spec"]
    match proposed["kind"], proposed["apiVersion"]:
        case "hashedrekord", "0.0.1":
            return proposed
        case "dsse", "0.0.1":
            envelope = json.loads(spec["proposedContent"]["envelope"])
            verifier = base64.b64decode(spec["proposedContent"]["verifiers"][0])
            return log_entries.dsse(envelope, base64.b64decode(envelope["payload"]), verifier)
        case "intoto", "0.0.1":
            envelope = json.loads(spec["content"]["envelope"])
            verifier = base64.b64decode(spec["publicKey"])
            return log_entries.intoto_v001(envelope, base64.b64decode(envelope["payload"]), verifier)
        case kind, version:
            raise Refused(400, f"entries of kind {kind} {version} are not taken")


@dataclass(frozen=True, slots=True)
class RekorV2Api:
    """Takes `hashedrekord` entries into a log."""

    log: RekorV2Log
    clock: Clock

    @property
    def routes(self) -> Routes:
        """What it answers."""
        return {"POST /api/v2/log/entries": self.add, "GET /api/v2/checkpoint": self.checkpoint}

    def add(self, request: Request) -> Answer:
        """Take what a client proposes. Envelopes are no kind of their own: only their signatures are taken."""
        if "hashedRekordRequestV002" not in request.json:
            raise Refused(400, "invalid type, must be hashedrekord")
        wanted = request.json["hashedRekordRequestV002"]
        return told(self.log.append(log_entries.hashedrekord_v002_of(wanted), self.clock.now()), 201)

    def checkpoint(self, request: Request) -> Answer:  # noqa: ARG002 - it is asked for nothing
        """The checkpoint of the tree as it is."""
        signed = self.log.checkpoint(merkle.root_hash(self.log.bodies), len(self.log.bodies), self.clock.now())
        return Answer(status=200, body=signed.encode(), media_type="text/plain; charset=utf-8")


def _name(body: bytes) -> str:
    return _TREE + merkle.leaf_hash(body).hex()


def _named(entry: JsonObject) -> str:
    return _name(base64.b64decode(entry["canonicalizedBody"]))


def _hexadecimal(encoded: str) -> str:
    return base64.b64decode(encoded).hex()
