"""Accidents, as exceptions. A judgement about an artifact is never one: it is a `policy.decision.Decision`.

SealgateError
├── Malformed                  what somebody sent does not have the form it must have
│   ├── ReferenceMalformed     repository name, tag, digest or reference
│   ├── JsonMalformed          not the strict JSON that `oci.strict_json` reads
│   ├── ManifestMalformed      not one unambiguous manifest or index
│   └── PayloadMalformed       a signature's payload, statement or envelope
├── KeyRejected                a public key that cannot be used
├── ConfigurationInvalid       settings or policies that cannot be used
├── TooLarge                   past a bound of `limits`
├── ContentMismatch            bytes that do not have the digest or size they were asked for by
├── StateUnavailable           the state store cannot be read or written
├── LogUnavailable             a transparency log did not answer with what was asked of it
├── AuthenticationUnavailable  who a caller is cannot be checked just now
├── RightMissing               a caller has no right to what it asks for
└── UpstreamError
    ├── UpstreamUnavailable    no answer, or none that can be used
    └── UpstreamRefused        the upstream's own 4xx: its status, challenge and errors
"""

from dataclasses import dataclass


class SealgateError(Exception):
    """The base of every exception this package raises on purpose."""


class Malformed(SealgateError):
    """What somebody sent does not have the form it must have."""


class ReferenceMalformed(Malformed):
    """Not a repository name, tag, digest or reference of the OCI grammar."""


class JsonMalformed(Malformed):
    """Not the strict JSON that `oci.strict_json` reads."""


class ManifestMalformed(Malformed):
    """Not one unambiguous manifest or index."""


class PayloadMalformed(Malformed):
    """A signature's payload, statement or envelope that cannot be read."""


class KeyRejected(SealgateError):
    """A public key that cannot be used: unreadable, of a kind or a size that is not accepted."""


class ConfigurationInvalid(SealgateError):
    """Settings or policies that cannot be used.

    Args:
        problems: one readable line for each problem.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class TooLarge(SealgateError):
    """Past a bound of `limits`."""


class ContentMismatch(SealgateError):
    """Bytes that do not have the digest or the size they were asked for by."""


class StateUnavailable(SealgateError):
    """The state store cannot be read or written."""


class AuthenticationUnavailable(SealgateError):
    """Who a caller is cannot be checked just now: the file or the issuer that says so cannot be read."""


class RightMissing(SealgateError):
    """A caller has no right to what it asks for (design section 4, `access:`)."""


class LogUnavailable(SealgateError):
    """A transparency log did not answer, or not with a proof that verifies."""


class UpstreamError(SealgateError):
    """The upstream registry did not do what it was asked."""


class UpstreamUnavailable(UpstreamError):
    """No answer from the upstream, or none that can be used."""


@dataclass(frozen=True, slots=True)
class RegistryProblem:
    """One entry of an OCI error body (distribution-spec, "Error Codes"), with control characters removed."""

    code: str
    message: str


class UpstreamRefused(UpstreamError):
    """The upstream's own answer of 4xx, to be passed on.

    Args:
        status: its HTTP status.
        challenges: its `WWW-Authenticate` values, as they came (printable ASCII only).
        problems: the OCI errors of its body; empty when it had none that could be read.
        retry_after: its `Retry-After` in seconds, when it gave one as a number.
    """

    def __init__(
        self,
        status: int,
        *,
        challenges: tuple[str, ...] = (),
        problems: tuple[RegistryProblem, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        told = "; ".join(f"{p.code}: {p.message}" for p in problems)
        super().__init__(f"the upstream registry answered {status}" + (f" ({told})" if told else ""))
        self.status = status
        self.challenges = challenges
        self.problems = problems
        self.retry_after = retry_after
