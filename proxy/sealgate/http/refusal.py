"""The three forms of a refused manifest (design section 6). They differ in what a client can use, not in what it gets.

No form gives content away, so the form may follow the User-Agent, which anybody can write (attacks B4): what is
spoofed is only how the "no" is said.
"""

from dataclasses import replace
from typing import Final

from aiohttp import web

from sealgate.http import answer
from sealgate.http.inbound import asks_for_push, routed_of
from sealgate.http.problem import Problem
from sealgate.http.render import refused
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Reference, Tag
from sealgate.oci.referrers import subject_of_tag
from sealgate.oci.wire import ErrorCode
from sealgate.policy.decision import Outcome
from sealgate.policy.record import DecisionRecord

# What signs, and the two libraries that it is written with (clients.md sections 1 and 5).
_SIGNERS: Final = frozenset({"cosign", "notation", "oras", "oras-go", "go-containerregistry"})


def signs(user_agent: str) -> bool:
    """Whether a client of this `User-Agent` signs: one of its products (RFC 9110 section 10.1.5) is known to."""
    return any(product.partition("/")[0].lower() in _SIGNERS for product in user_agent.split())


def refuse_manifest(
    request: web.BaseRequest,
    reference: Reference,
    record: DecisionRecord,
    descriptor: tuple[tuple[str, str], ...],
    size: int,
) -> web.StreamResponse:
    """The answer to a GET or HEAD of a manifest that is not admitted.

    Args:
        request: who asks.
        reference: what was asked for.
        record: why not.
        descriptor: type and digest of the manifest, as headers.
        size: its length in bytes.

    Returns:
        For a reader, the refusal. Where a signature is all that is missing: to the HEAD of a push, 404, because it
        stops at anything else, and its PUT is what is judged; to a client that signs, about a digest, what it needs
        to sign it: its descriptor to a HEAD, and to a GET 404, at which cosign 2 goes on. And 404 to anybody about a
        tag of signatures.
    """
    problem = refused(record, routed_of(request).image)
    # Whoever asks for signatures is told that there are none, with the reason: at 403 cosign would stop (design section
    # 5).
    if record.decision.outcome is Outcome.DENY and isinstance(reference, Tag) and subject_of_tag(reference) is not None:
        return answer.error(_unknown(problem))
    if record.decision.curable:
        if asks_for_push(request):
            return answer.error(_unknown(problem))
        if isinstance(reference, Digest) and signs(request.headers.get("User-Agent", "")):
            return answer.head(200, descriptor, size) if request.method == "HEAD" else answer.error(_unknown(problem))
    return answer.error(problem)


def _unknown(problem: Problem) -> Problem:
    return replace(problem, status=404, code=ErrorCode.MANIFEST_UNKNOWN)
