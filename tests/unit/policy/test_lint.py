"""Warnings: policies that load, and may mean less or more than their author thinks."""

import pytest

from sealgate.evidence.keys import PublicKey
from sealgate.oci.naming import NamedRegistry, Names
from sealgate.policy.load import RingKey, Sources, load

RING = {"release": RingKey(key=PublicKey(fingerprint="f", spki=b"", algorithm="ed25519"))}


def warned(*texts: str, names: Names | None = None) -> list[str]:
    def nothing(*_: object) -> bytes:
        raise AssertionError

    sources = Sources(ring=RING, read_key=nothing, read_file=nothing, names=names)  # type: ignore[arg-type]
    made = load([(f"{number}.yaml", text.encode()) for number, text in enumerate(texts)], sources)
    assert made.errors == ()
    return [f"{problem.text} | {problem.hint}" for problem in made.problems]


def policy(repositories: str, more: str = "", name: str = "p") -> str:
    return f"name: {name}\nrepositories: {repositories}\n{more}\nrules: [{{name: r, trusted_keys: [release]}}]\n"


def test_a_star_does_not_cover_deeper_names():
    assert warned(policy("[team/*, b, 'c/**', 'd/e*', 'f/*/g']")) == [
        "team/* does not cover team/a/b, and no other policy does | team/** would, at any depth"
    ]
    assert warned(policy("['*']")) == ["* does not cover a/b, and no other policy does | ** would, at any depth"]


@pytest.mark.parametrize("other", ["['team/**']", "['**']", "['team/*/*']", "['*/*/*']"])
def test_another_pattern_that_covers_deeper_names_is_enough(other):
    found = warned(policy("[team/*]"), policy(other, name="q"))
    assert not any(line.startswith("team/* ") for line in found)


def test_the_place_of_a_warning():
    sources = Sources(ring=RING, read_key=lambda raw: RING["release"].key, read_file=lambda file, name: b"")
    (problem,) = load([("a.yaml", policy("\n  - b\n  - team/*").encode())], sources).problems
    assert (problem.line, problem.path, problem.error) == (4, "repositories[1]", False)
    assert str(problem).startswith("a.yaml:4: repositories[1]: team/* does not cover team/a/b")


@pytest.mark.parametrize(("side", "other"), [("pull", "push"), ("push", "pull")])
def test_what_is_covered_on_one_side_only(side, other):
    hint = "what is not covered is denied, unless the settings' unmatched says otherwise"
    told = f"a {other} of a/** is covered by no policy | {hint}"
    one = policy("['a/**']", f"operations: [{side}]")
    assert warned(one) == [told]
    assert warned(one, policy("['a/**']", f"operations: [{other}]", name="q")) == []
    assert warned(one, policy("['**']", name="q")) == []
    assert warned(one, policy("['**']", "exclude_repositories: ['a/**']", name="q")) == [told]
    assert warned(one, policy("['b/**']", name="q")) == [told]


def keyless(**fields: str) -> str:
    told = ", ".join(f"{name}: '{value}'" for name, value in {"type": "keyless", **fields}.items())
    return f"name: p\nrepositories: ['a/**']\nrules: [{{name: r, key_requirements: [{{{told}}}]}}]\n"


ISSUER = {"certificate_oidc_issuer": "https://accounts.google.com"}


@pytest.mark.parametrize(
    "identity",
    [
        "builder@example.com",
        "*@example.com",
        "?uild-*@example.com",
        "https://github.com/org/app/.github/workflows/release.yml@refs/**",
        "https://github.com/org/*/.github/workflows/*.yml@refs/tags/v*",
    ],
)
def test_identities_that_are_as_wide_as_they_look(identity):
    assert warned(keyless(certificate_identity=identity, **ISSUER)) == []


@pytest.mark.parametrize(
    ("identity", "told"),
    [
        ("*", "matches any identity at all"),
        ("**", "matches any identity at all"),
        ("*/**", "matches any identity at all"),
        ("*@*", "leaves the host open"),
        ("*@*.example.com", "leaves the host open"),
        ("**@example.com", "leaves the host open"),
        ("*example.com", "leaves the host open"),
        ("**/release.yml@refs/heads/main", "leaves the host open"),
        ("https://*/org/app", "leaves the host open"),
        ("https://github.com*", "leaves the host open"),
        ("https://github.com**", "leaves the host open"),
        ("https://*.example.com/x", "leaves the host open"),
        ("*://github.com/org/x", "leaves the host open"),
        ("https://github.com/*", "matches everybody at that host"),
        ("https://github.com/**", "matches everybody at that host"),
        ("https://github.com/*/app/.github/workflows/r.yml@refs/heads/main", "matches everybody at that host"),
        ("https://github.com/org*", "whose names begin so"),
        ("https://github.com/org**", "whose names begin so"),
        ("https://github.com/or?/app/.github/workflows/r.yml@refs/heads/main", "whose names begin so"),
        ("https://github.com/org-*/app/**", "whose names begin so"),
    ],
)
def test_a22_identities_that_are_wider_than_they_look(identity, told):
    (found,) = warned(keyless(certificate_identity=identity, **ISSUER))
    assert told in found


@pytest.mark.parametrize(
    ("regexp", "told"),
    [
        ("https://github.com/org/.*", "a dot stands for any character"),
        (r"https://github\.com/org/r.yml", "a dot stands for any character"),
        (".*", "leaves the host open"),
        (".+/release", "leaves the host open"),
        (r"^.*github\.com/org/.*$", "leaves the host open"),
        (r"https://.*\.example/x", "leaves the host open"),
        (r"https://[^/]+/x", "leaves the host open"),
        (r"(?i)https://github\.com/org/.*", "upper and lower case"),
        (r"https://github\.com/org.*", "whose names begin so"),
        (r"^https://github\.com/org[^/]+/app/.+", "whose names begin so"),
        (r"https://github\.com/my\.org.+", "whose names begin so"),
    ],
)
def test_a22_regular_expressions_that_are_wider_than_they_look(regexp, told):
    found = warned(keyless(certificate_identity_regexp=regexp, **ISSUER))
    assert [told in line for line in found] == [True]


@pytest.mark.parametrize(
    "regexp",
    [
        r".*@example\.com",
        r"[^@]+@(a|b)\.example",
        r"https://github\.com/org/[^/]+/\.github/workflows/r\.yml@refs/tags/.*",
    ],
)
def test_regular_expressions_that_are_as_wide_as_they_look(regexp):
    assert warned(keyless(certificate_identity_regexp=regexp, **ISSUER)) == []


def test_an_issuer_is_an_https_url():
    told = "accounts.google.com is not an https:// URL, as OIDC issuers are | "
    assert warned(keyless(certificate_identity="a@b.example", certificate_oidc_issuer="accounts.google.com")) == [told]
    assert (
        warned(
            keyless(
                certificate_identity="a@b.example", certificate_oidc_issuer_regexp=r"https://gitlab\.(a|b)\.example"
            )
        )
        == []
    )


def test_files_with_errors_are_not_warned_about_too():
    sources = Sources(ring=RING, read_key=lambda raw: RING["release"].key, read_file=lambda file, name: b"")
    made = load([("a.yaml", policy("[team/*]").encode()), ("b.yaml", b"name: [")], sources)
    assert [problem.error for problem in made.problems] == [True]


NAMES = Names(
    [
        NamedRegistry(name="default", address="r.example:5000"),
        NamedRegistry(name="docker.io", address="registry-1.docker.io"),
        NamedRegistry(name="ghcr.io", hosts=("containers.example",), address="ghcr.io"),
    ],
    "gate.example",
)


@pytest.mark.parametrize(
    "pattern", ["team/**", "ghcr.io/**", "docker.io/library/*", "docker.io/org/**", "docker.io/**", "**", "*.io/**"]
)
def test_canonical_names_are_what_policies_are_written_for(pattern):
    found = warned(policy(f"['{pattern}', '**']"), names=NAMES)
    assert [line for line in found if "is called so" in line] == []


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("docker.io/*", "docker.io/a is docker.io/library/a"),
        ("docker.io/alpine", "docker.io/alpine is docker.io/library/alpine"),
        ("index.docker.io/library/*", "index.docker.io/library/a is docker.io/library/a"),
        ("containers.example/**", "containers.example/a/a is ghcr.io/a/a"),
        ("quay.io/**", "quay.io is the name of a host, and of no registry behind this gate"),
        ("gate.example/team/*", "gate.example is the name of a host, and of no registry behind this gate"),
        ("ghcr.io", "ghcr.io is a registry: the name of a repository has to follow"),
    ],
)
@pytest.mark.parametrize("field", ["repositories", "exclude_repositories"])
def test_a_name_that_no_repository_has_is_told(field, pattern, why):
    repositories, more = (
        ("['**']", f"exclude_repositories: ['{pattern}']") if "exclude" in field else (f"['{pattern}', '**']", "")
    )
    found = [line for line in warned(policy(repositories, more), names=NAMES) if "is called so" in line]
    assert [line.partition(" | ")[0] for line in found] == [f"no repository is called so: {why}"]
    assert not [line for line in warned(policy(repositories, more)) if "is called so" in line]


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        ("source_repository_uri: 'https://github.com/org/app'", ""),
        ("source_repository_uri: 'https://github.com/org/*'", ""),
        ("source_repository_ref: 'refs/tags/*'", ""),
        ("build_trigger: '*'", ""),
        ("source_repository_uri: 'https://github.com/org*'", "whose names begin so"),
        ("source_repository_owner_uri: 'https://github.com/*'", "matches everybody at that host"),
        ("build_signer_uri: '**/release.yml@refs/heads/main'", "leaves the host open"),
    ],
)
def test_a22_claims_that_are_wider_than_they_look(claim, told):
    identity = {"certificate_identity": "ci@example.com", **ISSUER}
    found = warned(keyless(**identity).replace("}]}]", f", claims: {{{claim}}}}}]}}]"))
    assert [told in line for line in found] == [True] * bool(told)
