"""A decision as a row of the state database, and back.

The row is bound to its key: the body repeats the whole key, and the columns repeat the body. A row that was moved to
another repository, digest or set of policies, or whose columns and body differ, is no decision (attacks B31, B32).
Nor is one that is sealed with another key than this gate's: the database of several replicas has users besides them.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping

from sealgate.errors import JsonMalformed, PayloadMalformed
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json
from sealgate.policy.decision import Decision
from sealgate.policy.decision_json import from_json, to_json
from sealgate.ports import DecisionKey


class Seal:
    """HMAC-SHA256 with a key that is not in the database.

    Args:
        key: what all who share decisions know; b"" seals nothing.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, body: str) -> str:
        """The seal of a body, which repeats all that a row says."""
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest() if self._key else ""


def row_of(key: DecisionKey, decision: Decision, seal: Seal) -> dict[str, str | float]:
    """The columns of `tables.decisions` that keep this decision under this key."""
    body = json.dumps({"key": _fields(key), "decision": to_json(decision)}, separators=(",", ":"))
    return {
        "key": key_of(key),
        "repository": key.repository.name,
        "digest": str(key.digest),
        "outcome": decision.outcome.value,
        "body": body,
        "valid_until": decision.valid_until.timestamp(),
        "seal": seal.of(body),
    }


def decision_of(row: Mapping[str, object], key: DecisionKey, seal: Seal) -> Decision | None:
    """The decision that was saved under this key; None when the row is not just what `row_of` makes of it."""
    if not hmac.compare_digest(seal.of(str(row["body"])).encode(), str(row["seal"]).encode()):
        return None
    try:
        body = strict_json.loads(str(row["body"]).encode())
        decision = from_json(body.get("decision") if isinstance(body, dict) else None)
    except (JsonMalformed, PayloadMalformed):
        return None
    return decision if decision.digest == key.digest and row_of(key, decision, seal) == dict(row) else None


def key_of(key: DecisionKey) -> str:
    """The one column that a decision is looked up by."""
    return hashlib.sha256(json.dumps(_fields(key)).encode()).hexdigest()


def _fields(key: DecisionKey) -> dict[str, Json]:
    return {
        "upstream": key.upstream,
        "repository": key.repository.name,
        "digest": str(key.digest),
        "operation": key.operation.value,
        "policies": key.policies,
        "trusted_roots": key.trusted_roots,
        "verifier": key.verifier,
    }
