"""A decision as a row of the state database, and back.

The row is bound to its key: the body repeats the whole key, and the columns repeat the body. A row that was moved to
another repository, digest or set of policies, or whose columns and body differ, is no decision (attacks B31, B32).
"""

import hashlib
import json
from collections.abc import Mapping

from sealgate.errors import JsonMalformed, PayloadMalformed
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json
from sealgate.policy.decision import Decision
from sealgate.policy.decision_json import from_json, to_json
from sealgate.ports import DecisionKey


def row_of(key: DecisionKey, decision: Decision) -> dict[str, str | float]:
    """The columns of `tables.decisions` that keep this decision under this key."""
    return {
        "key": key_of(key),
        "repository": key.repository.name,
        "digest": str(key.digest),
        "outcome": decision.outcome.value,
        "body": json.dumps({"key": _fields(key), "decision": to_json(decision)}, separators=(",", ":")),
        "valid_until": decision.valid_until.timestamp(),
    }


def decision_of(row: Mapping[str, object], key: DecisionKey) -> Decision | None:
    """The decision that was saved under this key; None when the row is not just what `row_of` makes of it."""
    try:
        body = strict_json.loads(str(row["body"]).encode())
        decision = from_json(body.get("decision") if isinstance(body, dict) else None)
    except (JsonMalformed, PayloadMalformed):
        return None
    return decision if decision.digest == key.digest and row_of(key, decision) == dict(row) else None


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
