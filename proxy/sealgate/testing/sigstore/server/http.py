"""As much HTTP as the services of a Sigstore speak."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sealgate.testing.sigstore.encoding import compact_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asks.

    Args:
        path: without the query.
        query: the query's parameters, the first of each name.
        token: of the `Authorization: Bearer` header; empty without one.
        body: the body's bytes.
    """

    path: str
    query: Mapping[str, str]
    token: str
    body: bytes

    @property
    def json(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What it is told.

    Args:
        status: the status code.
        body: the body's bytes.
        media_type: its media type.
        headers: further headers.
    """

    status: int
    body: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A service does not do what it was asked.

    Args:
        status: the status code of the answer.
        message: why.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


Handler: TypeAlias = Callable[[Request], Answer]
Routes: TypeAlias = Mapping[str, Handler]
"""Handlers by method and path, e.g. `POST /api/v1/timestamp`."""


def told(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer in JSON."""
    return Answer(status=status, body=compact_json(document), headers=headers or {})


def refusal(status: int, message: str) -> Answer:
    """An error, in the words that Fulcio's and Rekor's clients print."""
    return told({"code": status, "message": message}, status)
