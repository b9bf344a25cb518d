"""What each reason code means, and what to do about it: `docs/reasons.md` is made of this, and `explain` tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sealgate.evidence.reason import Reason


@dataclass(frozen=True, slots=True)
class Explanation:
    """One reason, in the words of docs/reasons.md: Markdown, each part of whole sentences.

    Args:
        meaning: what it says.
        remedy: what to do, and by whom where that is not the person who reads it.
        status: of the HTTP answer; "none" where there is none.
    """

    meaning: str
    remedy: str
    status: str = "403"


SECTIONS: Final[Mapping[str, Mapping[Reason, Explanation]]] = MappingProxyType(
    {
        "Nothing allows it": {
            Reason.REPOSITORY_NOT_COVERED: Explanation(
                "No policy covers this repository for this operation, and `unmatched` is `deny`.",
                "Platform team: add the repository to a policy. `production/*` does not cover "
                "`production/team/app`; `production/**` does. For a push, look at `operations` and `tags` too.",
            ),
            Reason.ARTIFACT_TYPE_NOT_COVERED: Explanation(
                "Policies cover the repository, but no rule of theirs is for what this artifact claims to be.",
                "Platform team: give its type (the message names it) a rule, or `allow_unsigned` for its "
                "`artifact_types`.",
            ),
            Reason.SIGNATURE_TYPE_NOT_SUPPORTED_YET: Explanation(
                "A rule asks for a signature of a kind that this version cannot check (`gpg`, `notation`, `dct`). "
                "It is not skipped.",
                "Platform team: ask for `cosign` in that rule, or take the type out of `artifact_types`.",
            ),
            Reason.DENIED_BY_POLICY: Explanation(
                "A policy names this digest, or somebody who signed it, in `denied`. Nothing makes up for that.",
                "Use another version. If it is denied by mistake: platform team, take it out of `denied`.",
            ),
            Reason.TAG_IMMUTABLE: Explanation(
                "A policy has `immutable_tags`, and this tag points to something else already.",
                "Push it as another tag.",
            ),
            Reason.SIGNATURE_IN_USE: Explanation(
                "A push of a `sha256-…` tag leaves out a signature or attestation that is there and counts for a "
                "policy ([what is protected](access.md#what-is-protected)). Mostly two signed at the same time.",
                "Sign again: then what was added meanwhile is kept. To take a signature away: have the right to "
                "`delete`.",
            ),
            Reason.AWAITING_SIGNATURE: Explanation(
                "The tag was pushed and waits for its signature ([holds](holds.md)); there is nothing that it "
                "admitted before. In the decision log also: it waited in vain.",
                "Sign the digest in the message; then pull again, or, where the push was rejected, push again.",
            ),
            Reason.CONTENT_GONE: Explanation(
                "In the decision log only: what a held tag was to point to is no longer in the registry.",
                "Push again; let the registry's clean-up wait longer than `hold_ttl`.",
                status="none",
            ),
            Reason.EXCEPTION_EXPIRED: Explanation(
                "A policy had an exception for this digest, which is over; the message goes on with what its rule "
                "asks for.",
                "Sign it; or, platform team, decide anew and give it another `expires`.",
            ),
            Reason.BLOB_NOT_ADMITTED: Explanation(
                "No admitted manifest of this repository is known to list this layer or config.",
                "Pull the image by tag or digest first; a blob alone says nothing about what it belongs to.",
            ),
            Reason.CHILD_OF_UNKNOWN_INDEX: Explanation(
                "A single platform's manifest was asked for by digest; it is not signed itself, and the gate has "
                "seen no index that lists it.",
                "Ask for the image's tag (or its index) through the gate once. If it is not part of one: sign it.",
            ),
        },
        "It is not signed, or not by the right one": {
            Reason.SIGNATURE_MISSING: Explanation(
                "No signature was found: not in the referrers API, not at its fallback tag, not at cosign's "
                "`sha256-….sig` tag.",
                "Sign it with the command in the message. If it is signed: the signature must be in the same "
                "repository, and be about this digest (an index and its platforms have different ones).",
            ),
            Reason.ATTESTATION_MISSING: Explanation(
                "No attestation was found: not in the referrers API, not at its fallback tag, not at cosign's "
                "`sha256-….att` tag.",
                "Have it attested with the command in the message, by whoever the message names.",
            ),
            Reason.KEY_NOT_TRUSTED: Explanation(
                "It is signed with a key that the rule does not name, or the rule asks for keys and it is signed "
                "with a certificate.",
                "Sign it with one of the keys that the message names; or add the signer's key to the policy.",
            ),
            Reason.KEY_OUTSIDE_VALIDITY: Explanation(
                "It is signed with a key that the rule names, at a time at which that key does not count "
                "(`not_before`, `not_after`); or nobody vouches for when, and the key does not count today.",
                "Sign it with a key that counts today.",
            ),
            Reason.IDENTITY_MISMATCH: Explanation(
                "The certificate is good, but belongs to someone else than the rule asks for. The message has both.",
                "Sign it in the right workflow or as the right person. If the identity moved (a renamed repository,"
                " another branch): change `certificate_identity`.",
            ),
            Reason.ISSUER_MISMATCH: Explanation(
                "The identity fits, but another OIDC issuer vouched for it.",
                "Sign it with a token of the issuer in the rule, or change `certificate_oidc_issuer`.",
            ),
            Reason.CLAIM_MISMATCH: Explanation(
                "The right identity signed, and its certificate says something else than the rule's `claims` ask "
                "for, or nothing of it: another branch, another repository, another trigger. The message has the "
                "claim, its value and what is expected.",
                "Sign it in a run that fits; or change the claim in the policy.",
            ),
            Reason.SIGNATURE_TOO_OLD: Explanation(
                "It was signed longer ago than `max_age`, or before `min_signed_at`; or nobody vouches for when.",
                "Build it again and sign that; or sign it again, if it is still good.",
            ),
            Reason.REFERENCE_MISMATCH: Explanation(
                "What was signed names another repository, or none, and the rule has `signed_reference: "
                "repository`: the signature may be a copy.",
                "Sign it in this repository, with cosign's `--new-bundle-format=false`.",
            ),
            Reason.CHILD_NOT_SIGNED: Explanation(
                "The index that lists this platform's manifest is signed, and the rule has `index: each`.",
                "Sign with `cosign sign --recursive`.",
            ),
            Reason.THRESHOLD_NOT_MET: Explanation(
                "Some signers count, but fewer distinct ones than `threshold` asks for. One key under two names is "
                "one signer.",
                "Have a further one sign; the message says who did.",
            ),
        },
        "The signature is wrong": {
            Reason.SIGNATURE_INVALID: Explanation(
                "The signature does not verify: the bytes or the signature were changed, or it was made with "
                "another key than it says.",
                "Sign again. If it keeps coming: look at who can write to the repository.",
            ),
            Reason.SUBJECT_MISMATCH: Explanation(
                "The signature is good, but about another digest: it was copied, or the image was rebuilt after it "
                "was signed.",
                "Sign this digest.",
            ),
            Reason.PREDICATE_TYPE_MISMATCH: Explanation(
                "It is a signed statement of another kind: an attestation where the rule asks for a signature, or "
                "one of another `predicate_type`.",
                "Sign it with `cosign sign`, besides the attestation; or attest what the rule asks for.",
            ),
            Reason.PREDICATE_REJECTED: Explanation(
                "The attestation is good, but what it says does not fit the rule's `predicate_schema`. The message "
                "says where.",
                "Make the attestation again with a tool that writes what the schema asks for; or change the schema.",
            ),
            Reason.CONDITION_FALSE: Explanation(
                "The attestation is good, but a `condition` of the rule is false for it. The message has the "
                "condition and the values it looked at.",
                "Build or scan again so that it holds; or change the condition.",
            ),
            Reason.CONDITION_ERROR: Explanation(
                "A `condition` could not be answered for this attestation: it reads a field that is not there, "
                "compares what cannot be compared, or gives something else than true or false.",
                "Platform team: ask `has(…)` before reading a field that may be missing "
                "([conditions](conditions.md)). Else make the attestation again.",
            ),
            Reason.PAYLOAD_MALFORMED: Explanation(
                "What was signed, or the bundle around it, cannot be read without doubt: broken JSON, a field "
                "twice, several signatures in one envelope.",
                "Sign again with a current cosign.",
            ),
            Reason.PAYLOAD_TYPE_UNKNOWN: Explanation(
                "What was signed is of a type that the gate does not know.",
                "Sign again with a current cosign.",
            ),
            Reason.CARRIER_MALFORMED: Explanation(
                "Something has the form of a signature or attestation in the registry, and its content is none.",
                "Push it again with the tool that makes it (`cosign`, `oras`); a file that is no signature belongs "
                "at another tag or type.",
            ),
        },
        "The certificate (keyless)": {
            Reason.CERTIFICATE_INVALID: Explanation(
                "The certificate cannot be used: unreadable, not for code signing, or without exactly one identity "
                "and an issuer.",
                "Sign again with a current cosign.",
            ),
            Reason.CERTIFICATE_CHAIN_UNTRUSTED: Explanation(
                "No authority of the trusted root issued it: it comes from another Sigstore.",
                "For a private Sigstore: give the gate its trusted root in the settings. Else sign with the one it "
                "trusts.",
            ),
            Reason.CERTIFICATE_NOT_VALID_AT_SIGNING: Explanation(
                "A time that was vouched for is not within the certificate's few minutes, or not within the "
                "validity of a certificate above it.",
                "Sign again; see to the clock of the machine that signs.",
            ),
            Reason.SCT_INVALID: Explanation(
                "The certificate's proof that it was published (its SCT) is missing or does not verify.",
                "Sign again. For a private Sigstore: its CT log's key belongs in the trusted root.",
            ),
            Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY: Explanation(
                "A key of the trusted root (certificate or timestamp authority, log, CT log) was used outside the "
                "time for which the root trusts it.",
                "Update the trusted root; if it is current, sign again.",
            ),
        },
        "The transparency log and time": {
            Reason.LOG_ENTRY_MISSING: Explanation(
                "The rule asks for an entry in the transparency log (the default), and the signature comes with none.",
                "Sign without `--tlog-upload=false`; or, for a key that is never logged, set `rekor: {required: "
                "false}`.",
            ),
            Reason.LOG_ENTRY_MISMATCH: Explanation(
                "The entry that comes with it is about another signature, key or artifact.",
                "Sign again.",
            ),
            Reason.LOG_PROMISE_INVALID: Explanation(
                "The log's signed promise does not verify.",
                "Sign again. For a private Sigstore: its log's key belongs in the trusted root.",
            ),
            Reason.LOG_PROOF_MISSING: Explanation(
                "There is only the log's promise, and the rule asks for an inclusion proof. cosign's older "
                "annotations carry none.",
                "Sign with cosign 3 (bundles carry the proof), or set `rekor: {proof: online}` or `{proof: "
                "promise}`. With `online` already set: the trusted root does not say where the log is.",
            ),
            Reason.LOG_PROOF_INVALID: Explanation(
                "The inclusion proof does not lead to the checkpoint.",
                "Sign again.",
            ),
            Reason.LOG_CHECKPOINT_INVALID: Explanation(
                "The checkpoint that the proof leads to is not signed by a log of the trusted root.",
                "Sign again; update the trusted root.",
            ),
            Reason.TIMESTAMP_MISSING: Explanation(
                "Nobody vouches for the time of signing, so a short-lived certificate proves nothing.",
                "Sign with the transparency log or a timestamp authority.",
            ),
            Reason.TIMESTAMP_INVALID: Explanation(
                "The timestamp does not verify, or is about another signature.",
                "Sign again. For a private authority: its certificate belongs in the trusted root.",
            ),
            Reason.SIGNED_IN_THE_FUTURE: Explanation(
                "The time that was vouched for has not come yet.",
                "See to the gate's clock (NTP); if that is right, sign again.",
            ),
        },
        "The content": {
            Reason.MANIFEST_MALFORMED: Explanation(
                "The manifest has more than one reading: a field twice, image and index at once, a media type that "
                "contradicts its `Content-Type`, layers from foreign URLs.",
                "Build it again with a current tool; the message says what is wrong and where.",
                status="403, on push 400",
            ),
            Reason.MANIFEST_TOO_LARGE: Explanation(
                "The manifest is past 4 MiB or lists too much.",
                "Make it smaller: fewer annotations, fewer entries.",
                status="403, on push 413",
            ),
            Reason.CONTENT_MISMATCH: Explanation(
                "The registry sent bytes that are not those of the digest they were asked for by.",
                "Look at the registry's storage and at what stands between it and the gate. This should never happen.",
                status="502",
            ),
        },
        "Could not be checked": {
            Reason.UPSTREAM_UNAVAILABLE: Explanation(
                "The registry did not answer, or with something that cannot be used, when the signatures were "
                "looked for.",
                "Try again; look at the registry and the way to it.",
                status="503",
            ),
            Reason.UPSTREAM_LIMITED: Explanation(
                "The registry limits requests (429), and the signatures were not read.",
                "Wait; use credentials with a higher limit.",
                status="503",
            ),
            Reason.EVIDENCE_TOO_MUCH: Explanation(
                "There is more about this digest than the gate reads (100 signatures, 4 MiB for one), and what it "
                "read does not satisfy.",
                "Remove what is not needed: somebody, or a loop in CI, keeps adding signatures.",
                status="503",
            ),
            Reason.VERIFICATION_TIMEOUT: Explanation(
                "The signatures could not be found and verified in time.",
                "Try again; look at how fast the registry answers.",
                status="503",
            ),
            Reason.LOG_UNAVAILABLE: Explanation(
                "A rule asks for a proof from the transparency log itself (`proof: online`), and the log did not "
                "answer with one that verifies.",
                "Try again; look at the way to the log that the trusted root names.",
                status="503",
            ),
            Reason.TRUSTED_ROOT_UNUSABLE: Explanation(
                "The trusted root that a signature rests on was never fetched, or could not be refreshed until its "
                "repository's word for it ran out.",
                "Look at the gate's log, which says why it cannot be refreshed, and at the way to that repository; "
                "see [trusted roots](settings.md#trusted-roots).",
                status="503",
            ),
            Reason.STATE_UNAVAILABLE: Explanation(
                "The gate's own state cannot be read or written.",
                "A file: look at the disk, its space and rights, and that no other program holds it. PostgreSQL: look "
                "whether it answers the gate; nothing needs a restart afterwards.",
                status="503",
            ),
        },
    }
)
"""By what is wrong, in the order of the page."""

EXPLANATIONS: Final[Mapping[Reason, Explanation]] = MappingProxyType(
    {reason: explained for section in SECTIONS.values() for reason, explained in section.items()}
)
"""Of every reason."""
