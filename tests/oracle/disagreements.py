"""Where another verifier says the opposite of ours, and why ours stays as it is.

A row that no longer holds fails a test, as a disagreement does that no row names.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from attempts import Case

COSIGNS = frozenset({"cosign2", "cosign3"})
JS = frozenset({"sigstore-js"})
PYTHON = frozenset({"sigstore-python"})
ANY = COSIGNS | JS | PYTHON


@dataclass(frozen=True)
class Disagreement:
    """One fault, or one choice, of some verifiers.

    Args:
        verifiers: whose.
        cases: in which cases, of one shape (`name[form]`, `name[keyless]`, `name[form-key]`) or of all of them.
        why: what they do, and why ours does not.
    """

    verifiers: frozenset[str]
    cases: tuple[str, ...]
    why: str

    def covers(self, case: Case) -> bool:
        return any(_matches(one, case) for one in self.cases)


def _matches(pattern: str, case: Case) -> bool:
    name, _, shape = pattern.removesuffix("]").partition("[")
    return name == case.name and (not shape or shape in {*str(case.shape).split("-"), str(case.shape)})


# They refuse what ours accepts.
NARROWER: tuple[Disagreement, ...] = (
    Disagreement(
        COSIGNS,
        ("key_ecdsa-p384", "key_ecdsa-p521"),
        "cosign signs with the curve's hash, and verifies by key with SHA-256 only; ours knows both, bound to the key",
    ),
    Disagreement(
        JS,
        (
            "key_ecdsa-p384[envelope]",
            "key_ecdsa-p521[envelope]",
            "certificate_for_ecdsa-p384[envelope]",
            "certificate_for_ecdsa-p521[envelope]",
        ),
        "it verifies envelopes with SHA-256 only",
    ),
    Disagreement(
        PYTHON,
        ("certificate_for_ecdsa-p384", "certificate_for_ecdsa-p521"),
        "it verifies with SHA-256 only",
    ),
    Disagreement(
        COSIGNS,
        ("certificate_for_ecdsa-p384[simple]", "certificate_for_ecdsa-p521[simple]"),
        "it takes no other hash than SHA-256 in the log entry of its older format",
    ),
    Disagreement(
        COSIGNS,
        ("certificate_for_ed25519[message]", "certificate_for_ed25519[simple]"),
        "Rekor takes Ed25519 in a hashedrekord only prehashed (Ed25519ph); that ours would verify such an entry, were "
        "there one, lets nothing through: body, key and signature are compared all the same",
    ),
    Disagreement(
        JS,
        ("key_ed25519[message]", "certificate_for_ed25519[message]"),
        "it verifies Ed25519 in envelopes only",
    ),
    Disagreement(
        PYTHON,
        (
            "certificate_for_ed25519",
            "certificate_for_rsa-2048",
            "certificate_for_rsa-4096",
            "certificate_for_rsa-pss-2048",
        ),
        "it verifies ECDSA only",
    ),
    Disagreement(
        COSIGNS | JS,
        ("key_rsa-pss-2048", "certificate_for_rsa-pss-2048"),
        "they verify RSA with PKCS#1 v1.5 only; ours takes PSS with SHA-256 too, as sigstore_common.proto lists it",
    ),
    Disagreement(
        ANY,
        ("certificate_in_a_chain",),
        "a v0.3 with a chain is against the specification, and cosign after 3.1 writes it on request; its leaf is "
        "judged as any other",
    ),
    Disagreement(
        ANY,
        ("intoto_001", "rekord_001[message]"),
        "they know these kinds in cosign's older format or not at all; ours binds every kind in every format",
    ),
    Disagreement(PYTHON, ("intoto_002",), "it knows no intoto entries"),
    Disagreement(PYTHON, ("defaults_left_out",), "it wants fields written out that protojson leaves out"),
    Disagreement(PYTHON, ("two_logs", "rekor_v1_and_v2"), "it takes exactly one log entry"),
    Disagreement(PYTHON, ("two_ct_logs",), "it takes exactly one SCT"),
    Disagreement(
        PYTHON,
        ("promise_alone_in_a_bundle_of_version_01",),
        "it wants a proof whatever the policy says (sigstore-python#1088)",
    ),
    Disagreement(
        PYTHON,
        ("timestamp_in_the_last_moment_of_its_authority",),
        "it leaves the end out of a timestamp authority's window; the conformance suite has it in",
    ),
    Disagreement(
        JS,
        ("rekor_v2_without_a_timestamp",),
        "it demands a time where there is a log entry; a key has no certificate that a time would be needed for",
    ),
    Disagreement(
        JS | PYTHON,
        ("kind_beside_the_entry_changed",),
        "they choose by an unsigned field how to read the entry; ours by the body that the log signed (attacks A14)",
    ),
)

# They accept what ours refuses.
LOOSER: tuple[Disagreement, ...] = (
    Disagreement(
        COSIGNS | JS,
        ("a14_promise_alone_where_a_proof_is_demanded",),
        "they take a promise in a bundle v0.1; ours where the policy says so, never because the bundle does",
    ),
    Disagreement(
        COSIGNS,
        ("a15_checkpoint_of_another_size",),
        "it compares the root hash and not the tree size, which the log signed too",
    ),
    Disagreement(PYTHON, ("a15_checkpoint_of_another_size",), "the same"),
    Disagreement(
        JS,
        ("a15_root_hash_changed",),
        "it never reads this copy, but compares the checkpoint's with what it computed; ours accepts no contradiction",
    ),
    Disagreement(
        JS | PYTHON,
        ("a15_rekor_v2_checkpoint_of_another_origin",),
        "they do not look at whose tree the checkpoint says it is of; one key may sign those of several logs",
    ),
    Disagreement(
        ANY,
        ("a5_logged_in_the_future", "a5_logged_in_the_future_with_a_key"),
        "they compare with no clock; who can make a log sign the future hides from its monitors (attacks A5)",
    ),
    Disagreement(
        COSIGNS,
        ("a4_good_timestamp_and_one_outside_the_certificate",),
        "one time of several is enough for it; ours wants the certificate valid at every verified time (attacks A4)",
    ),
    Disagreement(
        PYTHON,
        ("timestamp_of_another_sigstore", "timestamp_over_something_else", "timestamp_changed"),
        "where the log gives a time it ignores timestamps that do not verify; ours lets none be there (attacks A4)",
    ),
    Disagreement(
        COSIGNS,
        ("second_log_of_another_sigstore",),
        "it passes over entries of logs it does not know; ours wants every entry that is there to hold",
    ),
    Disagreement(
        COSIGNS,
        ("one_sct_of_two_of_another_sigstore",),
        "one SCT is enough for it; ours wants every SCT that is there to hold",
    ),
    Disagreement(
        COSIGNS | JS | PYTHON,
        ("rekor_v2_retired_before",),
        "they hold a log key's window against the log's time, and Rekor v2 says none; ours against every verified time",
    ),
    Disagreement(
        PYTHON,
        ("log_retired_before", "log_not_yet_trusted", "ct_log_retired_before", "authority_retired_before"),
        "it looks at no window but a timestamp authority's: what was retired years ago vouches on",
    ),
    Disagreement(
        PYTHON,
        ("a10_upper_intermediate_expired_before",),
        "it trusts each certificate of the root's chains by itself, and so builds no path through the one that expired",
    ),
    Disagreement(
        frozenset({"cosign2"}) | JS,
        ("digest_beside_the_signature_changed[message-key]",),
        "they do not read the digest beside the signature where the log does not either; ours accepts no contradiction",
    ),
    Disagreement(
        frozenset({"cosign2"}),
        ("digest_beside_the_signature_changed[message-keyless]",),
        "the same",
    ),
    Disagreement(
        JS,
        ("of_another_image[envelope]", "a11_no_statement", "a12_statement_about_nothing"),
        "what an envelope states is left to its callers",
    ),
    Disagreement(
        PYTHON,
        ("of_another_image[envelope]", "a11_no_statement", "a12_statement_about_nothing"),
        "what an envelope states is left to its callers",
    ),
)


def expected(case: Case, verifier: str) -> bool:
    """What a verifier is known to say of a case."""
    table: Iterable[Disagreement] = NARROWER if case.accepted else LOOSER
    return case.accepted != any(verifier in one.verifiers and one.covers(case) for one in table)
