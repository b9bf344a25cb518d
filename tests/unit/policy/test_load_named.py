# ruff: noqa: E501 (a table of what people read is read best in whole lines)
"""What policies say of single artifacts and signers, of time and of claims: what loads, and what a person reads."""

from datetime import UTC, datetime, timedelta

import pytest

from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.keys import PublicKey
from sealgate.oci.digest import Digest
from sealgate.policy import moments
from sealgate.policy.load import Loaded, RingKey, Sources, load
from sealgate.policy.matchers import Exact, Glob
from sealgate.policy.model import Exemption, Operation, Policy, Unmatched

DIGEST = f"sha256:{'0' * 64}"


def key(name: str) -> PublicKey:
    return PublicKey(fingerprint=name, spki=b"", algorithm="ed25519")


SOURCES = Sources(
    ring={name: RingKey(key=key(name)) for name in ("release", "old", "bot@example.com")},
    read_key=lambda pem: key(pem.decode()),
    read_file=lambda _policy, name: b"from " + name.encode(),
)
BASE = "name: p\nrepositories: ['a/{team}/*']\n"
KEYLESS = (
    "type: keyless, certificate_identity: 'https://x.example/{team}', certificate_oidc_issuer: 'https://i.example'"
)


def loaded(text: str) -> Loaded:
    return load([("a.yaml", text.encode())], SOURCES)


def one(text: str) -> Policy:
    made = loaded(text)
    assert made.errors == ()
    return made.policies[0]


def told(text: str) -> list[str]:
    return [str(problem) for problem in loaded(text).problems]


def keyless(more: str) -> str:
    return BASE + f"rules: [{{name: r, key_requirements: [{{{KEYLESS}{more}}}]}}]\n"


def plain(more: str) -> str:
    return (
        BASE.replace("{team}", "*") + "rules: [{name: r, key_requirements: [{type: key, public_key: k.pub}]}]\n" + more
    )


def ruled(more: str) -> str:
    return BASE.replace("{team}", "*") + f"rules: [{{name: r, trusted_keys: [release], {more}}}]\n"


class TestClaims:
    def test_exact_globs_and_captures(self) -> None:
        said = ", claims: {source_repository_uri: 'https://x.example/{team}', source_repository_ref: 'refs/tags/*'}"
        policy = one(keyless(said))
        captures = policy.covers("a/red/app", Operation.PULL, None)
        assert captures is not None
        (wanted,) = policy.fill(captures).rules[0].alternatives
        assert wanted.claims == {
            "source_repository_uri": Exact("https://x.example/red"),
            "source_repository_ref": Glob("refs/tags/*"),
        }

    @pytest.mark.parametrize(
        ("said", "problem"),
        [
            ("{source_repository_url: x}", ": unknown field source_repository_url; did you mean source_repository_uri?"),
            ("{source_repository_visibility: x}", ": unknown field source_repository_visibility; did you mean source_repository_visibility_at_signing?"),
            ("{issuer: x}", ": unknown field issuer"),
            ("{}", ": must not be empty"),
            ("{build_trigger: ''}", ".build_trigger: must not be empty"),
            ("{build_trigger: ' '}", ".build_trigger: must not be empty or have space around it"),
            ("{build_trigger: true}", ".build_trigger: must be text, and is true; put it into quotes"),
            ("{build_trigger: '{tean}'}", ".build_trigger: {tean} is captured by no pattern of repositories; did you mean team?"),
            ("{build_trigger: '{Team}'}", ".build_trigger: braces stand for captures only: {name}, in lower case"),
        ],
    )  # fmt: skip
    def test_a21_what_would_not_be_enforced_is_refused(self, said: str, problem: str) -> None:
        assert told(keyless(f", claims: {said}")) == [f"a.yaml:3: rules[0].key_requirements[0].claims{problem}"]

    def test_a_capture_that_only_a_claim_uses_is_used(self) -> None:
        text = keyless(", claims: {build_trigger: '{team}'}").replace("x.example/{team}", "x.example/y")
        assert loaded(text).errors == ()

    def test_keys_claim_nothing(self) -> None:
        text = (
            BASE.replace("{team}", "*")
            + "rules: [{name: r, key_requirements: [{type: key, public_key: k, claims: {build_trigger: x}}]}]\n"
        )
        assert told(text) == [
            "a.yaml:3: rules[0].key_requirements[0].claims: claims has no meaning for type: key; that is type: keyless"
        ]


class TestExceptions:
    said = f"exceptions: [{{digest: '{DIGEST}', reason: incident 12, expires: '2026-12-01T02:00:00+02:00'"

    def test_a_digest_a_reason_and_an_end(self) -> None:
        end = datetime(2026, 12, 1, tzinfo=UTC)
        meant = Exemption(digest=Digest.parse(DIGEST), reason="incident 12", expires=end)
        assert one(plain(self.said + "}]")).exemptions == (meant,)
        (by_ann,) = one(plain(self.said + ", approved_by: ann@example.com}]")).exemptions
        assert by_ann.approved_by == "ann@example.com"

    def test_of_two_of_one_digest_the_one_that_ends_last_counts(self) -> None:
        other = self.said.removeprefix("exceptions: [").replace("2026-12", "2027-12")
        policy = one(plain(f"{self.said}}}, {other}}}]"))
        found = policy.exemption(Digest.parse(DIGEST))
        assert found is not None
        assert found.expires.year == 2027
        assert policy.exemption(Digest.of(b"another")) is None

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            ("reason: incident 12, ", "", "exceptions[0]: the field reason is missing; as in reason: \"incident 12\""),
            (", expires: '2026-12-01T02:00:00+02:00'", "", "exceptions[0]: the field expires is missing; as in expires: \"2026-12-01T00:00:00Z\""),
            ("2026-12-01T02:00:00+02:00", "2026-12-01", "exceptions[0].expires: 2026-12-01 is not a date and time with its time zone; as in 2026-01-31T12:00:00Z"),
            ("2026-12-01T02:00:00+02:00", "never", "exceptions[0].expires: never is not a date and time with its time zone; as in 2026-01-31T12:00:00Z"),
            ("incident 12", '"a\\nb"', "exceptions[0].reason: must be one line of text without space around it"),
            ("incident 12", "' '", "exceptions[0].reason: must be one line of text without space around it"),
            ("sha256:", "sha512:", 'exceptions[0].digest: "sha512:' + "0" * 64 + '" does not fit; Of the manifest or index.'),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, old: str, new: str, problem: str) -> None:
        assert told(plain(self.said.replace(old, new) + "}]")) == [f"a.yaml:4: {problem}"]

    def test_nothing_is_excepted_where_nothing_is_asked(self) -> None:
        free = "name: p\nrepositories: ['**']\nallow_unsigned: true\n" + self.said + "}]\n"
        assert told(free) == ["a.yaml:4: exceptions: exceptions has no meaning beside allow_unsigned; leave it out"]


class TestDenied:
    def test_digests_identities_and_keys(self) -> None:
        names = f"['{DIGEST}', 'eve@example.com', 'https://*/eve/**', 'user!domain', release, k, bot@example.com]"
        denied = one(plain(f"denied: {names}")).denied
        assert denied.digests == {Digest.parse(DIGEST)}
        assert [one.text for one in denied.identities] == ["eve@example.com", "https://*/eve/**", "user!domain", "bot@example.com"]  # fmt: skip
        assert [(one.name, one.key.fingerprint) for one in denied.keys] == [
            ("release", "release"),
            ("k", "from k.pub"),
            ("bot@example.com", "bot@example.com"),  # a key's name that could be an identity is both
        ]

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("releas", "releas is no digest, no identity and no key's name; did you mean release?"),
            ("k.pub", "k.pub is no digest, no identity and no key's name; a key's name is one of the key ring's, or that of its file without .pub"),
            ("sha256:00", "a sha256 digest is 64 lower-case hexadecimal digits"),
            ("sha256:" + "A" * 64, "a sha256 digest is 64 lower-case hexadecimal digits"),
            ("sha512:" + "0" * 128, "a digest here is a sha256 one; crane digest tells it"),
            (" eve@example.com", "has no space around it and no captures"),
            ("https://x.example/{team}", "has no space around it and no captures"),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, name: str, problem: str) -> None:
        (found,) = told(plain(f"denied: ['{name}']"))
        assert found.startswith("a.yaml:4: denied[0]: ")
        assert problem in found or name.startswith("sha256:")

    def test_a_policy_can_deny_beside_letting_everything_else_pass(self) -> None:
        text = f"name: p\nrepositories: ['**']\nallow_unsigned: true\ndenied: ['{DIGEST}']\n"
        policies = loaded(text).policy_set(Unmatched.DENY)
        resolved = policies.resolve("a", Operation.PULL)
        assert not resolved.asks_nothing
        assert not resolved.needs_evidence
        without = loaded(text.replace(f"denied: ['{DIGEST}']\n", "")).policy_set(Unmatched.DENY)
        assert without.resolve("a", Operation.PULL).asks_nothing

    def test_who_signed_matters_where_signers_are_denied(self) -> None:
        text = "name: p\nrepositories: ['**']\nallow_unsigned: true\ndenied: [{}]\n"
        keys = loaded(text.format("old")).policy_set(Unmatched.DENY)
        assert keys.resolve("a", Operation.PULL).needs_evidence
        assert keys.resolve("a", Operation.PULL).keys == (key("old"),)
        assert keys.trusted_roots == frozenset()
        people = loaded(text.format("eve@example.com")).policy_set(Unmatched.DENY)
        assert people.resolve("a", Operation.PULL).needs_evidence
        assert people.trusted_roots == {"default"}


class TestTime:
    @pytest.mark.parametrize(
        ("text", "meant"),
        [("1m", timedelta(minutes=1)), ("36h", timedelta(hours=36)), ("90d", timedelta(days=90)), ("2w", timedelta(14)), ("99999w", timedelta(weeks=99999))],
    )  # fmt: skip
    def test_lengths(self, text: str, meant: timedelta) -> None:
        assert one(ruled(f"max_age: {text}")).rules[0].max_age == meant

    @pytest.mark.parametrize(
        "text", ["0d", "90", "90 d", "d", "-1d", "1.5d", "90D", "90days", "1d12h", "100000d", "٩d", "1d\\n", "P90D", "forever"]
    )  # fmt: skip
    def test_what_is_no_length(self, text: str) -> None:
        (found,) = told(ruled(f'max_age: "{text}"'))
        assert found.endswith("is not a length of time; as in 90d: a number and m, h, d or w")

    @pytest.mark.parametrize("text", ["2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "yesterday"])  # fmt: skip
    def test_what_is_no_point_of_time(self, text: str) -> None:
        with pytest.raises(ConfigurationInvalid, match="is not a date and time"):
            moments.moment(text)
        (found,) = told(ruled(f"min_signed_at: '{text}'"))
        assert "rules[0].min_signed_at: " in found

    def test_a_point_of_time_is_told_in_utc(self) -> None:
        assert moments.told(moments.moment("2026-01-01T02:00:00+02:00")) == "2026-01-01 00:00:00 UTC"

    @pytest.mark.parametrize("said", ["max_age: 1d", "min_signed_at: '2026-01-01T00:00:00Z'", "index: each", "signed_reference: repository"])  # fmt: skip
    def test_none_of_it_has_a_meaning_where_nothing_is_asked(self, said: str) -> None:
        name = said.partition(":")[0]
        text = ruled(f"allow_unsigned: true, artifact_types: [helm], {said}").replace("trusted_keys: [release], ", "")
        assert f"a.yaml:3: rules[0].{name}: {name} has no meaning beside allow_unsigned; leave it out" in told(text)
