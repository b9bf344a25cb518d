"""What a rule asks of an attestation's predicate, and what came of asking: values, so that deciding stays pure."""

from dataclasses import dataclass
from datetime import datetime

from sealgate.evidence.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PredicateTest:
    """What one attestation's predicate must satisfy, all of it.

    Args:
        schema: a JSON Schema (draft 2020-12) over the predicate, as `policy.conditions.check_schema` writes it; "" is
            none.
        conditions: CEL expressions, each of which must be true.
    """

    schema: str = ""
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PredicateVerdict:
    """What came of a test.

    Args:
        reason: why the predicate does not count; None when it passed.
        text: for people: which condition or part of the schema, and the value that it looked at. Printable.
        expires: until when this holds; None where it does not depend on the time.
    """

    reason: Reason | None
    text: str = ""
    expires: datetime | None = None
