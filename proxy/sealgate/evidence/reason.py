"""The reason codes: stable, kebab-case, the same in messages, logs, metrics, commands and tests (design section 7).

`explanations` tells what each means; `docs/reasons.md` is made of it.
"""

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why an artifact is refused, or what is wrong with one piece of evidence."""

    REPOSITORY_NOT_COVERED = "repository-not-covered"
    ARTIFACT_TYPE_NOT_COVERED = "artifact-type-not-covered"
    SIGNATURE_MISSING = "signature-missing"
    ATTESTATION_MISSING = "attestation-missing"
    SIGNATURE_INVALID = "signature-invalid"
    KEY_NOT_TRUSTED = "key-not-trusted"
    KEY_OUTSIDE_VALIDITY = "key-outside-validity"
    IDENTITY_MISMATCH = "identity-mismatch"
    ISSUER_MISMATCH = "issuer-mismatch"
    CLAIM_MISMATCH = "claim-mismatch"
    THRESHOLD_NOT_MET = "threshold-not-met"
    CERTIFICATE_INVALID = "certificate-invalid"
    CERTIFICATE_CHAIN_UNTRUSTED = "certificate-chain-untrusted"
    CERTIFICATE_NOT_VALID_AT_SIGNING = "certificate-not-valid-at-signing"
    SCT_INVALID = "sct-invalid"
    TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY = "trusted-root-key-outside-validity"
    LOG_ENTRY_MISSING = "log-entry-missing"
    LOG_ENTRY_MISMATCH = "log-entry-mismatch"
    LOG_PROMISE_INVALID = "log-promise-invalid"
    LOG_PROOF_MISSING = "log-proof-missing"
    LOG_PROOF_INVALID = "log-proof-invalid"
    LOG_CHECKPOINT_INVALID = "log-checkpoint-invalid"
    TIMESTAMP_MISSING = "timestamp-missing"
    TIMESTAMP_INVALID = "timestamp-invalid"
    SIGNED_IN_THE_FUTURE = "signed-in-the-future"
    SIGNATURE_TOO_OLD = "signature-too-old"
    PAYLOAD_MALFORMED = "payload-malformed"
    PAYLOAD_TYPE_UNKNOWN = "payload-type-unknown"
    SUBJECT_MISMATCH = "subject-mismatch"
    REFERENCE_MISMATCH = "reference-mismatch"
    PREDICATE_TYPE_MISMATCH = "predicate-type-mismatch"
    PREDICATE_REJECTED = "predicate-rejected"
    CONDITION_FALSE = "condition-false"
    CONDITION_ERROR = "condition-error"
    CARRIER_MALFORMED = "carrier-malformed"
    BLOB_NOT_ADMITTED = "blob-not-admitted"
    MANIFEST_MALFORMED = "manifest-malformed"
    MANIFEST_TOO_LARGE = "manifest-too-large"
    CONTENT_MISMATCH = "content-mismatch"
    SIGNATURE_TYPE_NOT_SUPPORTED_YET = "signature-type-not-supported-yet"
    CHILD_OF_UNKNOWN_INDEX = "child-of-unknown-index"
    CHILD_NOT_SIGNED = "child-not-signed"
    DENIED_BY_POLICY = "denied-by-policy"
    EXCEPTION_EXPIRED = "exception-expired"
    TAG_IMMUTABLE = "tag-immutable"
    SIGNATURE_IN_USE = "signature-in-use"
    AWAITING_SIGNATURE = "awaiting-signature"
    CONTENT_GONE = "content-gone"
    UPSTREAM_UNAVAILABLE = "upstream-unavailable"
    UPSTREAM_LIMITED = "upstream-limited"
    EVIDENCE_TOO_MUCH = "evidence-too-much"
    VERIFICATION_TIMEOUT = "verification-timeout"
    LOG_UNAVAILABLE = "log-unavailable"
    TRUSTED_ROOT_UNUSABLE = "trusted-root-unusable"
    STATE_UNAVAILABLE = "state-unavailable"


UNDETERMINED: Final = frozenset(
    {
        Reason.UPSTREAM_UNAVAILABLE,
        Reason.UPSTREAM_LIMITED,
        Reason.EVIDENCE_TOO_MUCH,
        Reason.VERIFICATION_TIMEOUT,
        Reason.LOG_UNAVAILABLE,
        Reason.TRUSTED_ROOT_UNUSABLE,
        Reason.STATE_UNAVAILABLE,
    }
)
"""Reasons that say "could not check" (503), not "no" (403)."""

CURABLE: Final = frozenset(
    {
        Reason.SIGNATURE_MISSING,
        Reason.ATTESTATION_MISSING,
        Reason.SIGNATURE_INVALID,
        Reason.KEY_NOT_TRUSTED,
        Reason.KEY_OUTSIDE_VALIDITY,
        Reason.IDENTITY_MISMATCH,
        Reason.ISSUER_MISMATCH,
        Reason.CLAIM_MISMATCH,
        Reason.THRESHOLD_NOT_MET,
        Reason.CERTIFICATE_INVALID,
        Reason.CERTIFICATE_CHAIN_UNTRUSTED,
        Reason.CERTIFICATE_NOT_VALID_AT_SIGNING,
        Reason.SCT_INVALID,
        Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY,
        Reason.LOG_ENTRY_MISSING,
        Reason.LOG_ENTRY_MISMATCH,
        Reason.LOG_PROMISE_INVALID,
        Reason.LOG_PROOF_MISSING,
        Reason.LOG_PROOF_INVALID,
        Reason.LOG_CHECKPOINT_INVALID,
        Reason.TIMESTAMP_MISSING,
        Reason.TIMESTAMP_INVALID,
        Reason.SIGNED_IN_THE_FUTURE,
        Reason.SIGNATURE_TOO_OLD,
        Reason.PAYLOAD_MALFORMED,
        Reason.PAYLOAD_TYPE_UNKNOWN,
        Reason.SUBJECT_MISMATCH,
        Reason.REFERENCE_MISMATCH,
        Reason.PREDICATE_TYPE_MISMATCH,
        Reason.PREDICATE_REJECTED,
        Reason.CONDITION_FALSE,
        Reason.CONDITION_ERROR,
        Reason.CARRIER_MALFORMED,
        Reason.CHILD_OF_UNKNOWN_INDEX,
        Reason.CHILD_NOT_SIGNED,
        Reason.EXCEPTION_EXPIRED,
        Reason.AWAITING_SIGNATURE,
    }
)
"""Reasons that a further signature can mend: what is asked for is missing, and what is there does not count."""
