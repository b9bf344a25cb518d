# ruff: noqa: E501 (a table of what people read is read best in whole lines)
"""Settings: from a file, variables and flags; what is wrong with them is told, all of it, and where it was said."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import ConfigurationInvalid
from sealgate.policy.alert import AlertKind
from sealgate.policy.model import Unmatched
from sealgate.settings import (
    KeySettings,
    Overrides,
    Settings,
    SharedState,
    TrustedRootSettings,
    UpstreamSettings,
    UpstreamTimeouts,
    read_settings,
)

FOLDER = Path("/etc/sealgate")
LEAST = "upstreams: [{name: default, url: 'http://r:5000'}]\npolicies: [p]\n"


def settings(text: str | None = LEAST, *, flags: Overrides | None = None, **variables: str) -> Settings:
    raw = None if text is None else text.encode()
    return read_settings("s.yaml", raw, flags=flags or Overrides(), variables=variables, folder=FOLDER)


def told(text: str | None = LEAST, *, flags: Overrides | None = None, **variables: str) -> list[str]:
    with pytest.raises(ConfigurationInvalid) as refused:
        settings(text, flags=flags, **variables)
    return [problem.split("\n")[0] for problem in refused.value.problems]  # without the place that is shown


def test_flags_alone_are_enough():
    flags = Overrides(upstream="http://127.0.0.1:5000", policies=["policies/"], listen="127.0.0.1:8080")
    assert settings(None, flags=flags) == Settings(
        upstreams=(UpstreamSettings(name="default", url="http://127.0.0.1:5000"),), policies=(Path("policies"),)
    )


def test_what_is_left_out_has_its_default():
    made = settings()
    assert (made.host, made.port, made.public_url, made.unmatched) == ("127.0.0.1", 8080, "", Unmatched.DENY)
    assert made.trusted_roots == {"default": TrustedRootSettings()}
    assert (made.keys, made.state, made.decision_log, made.admit_ttl) == ({}, None, None, 3600)


def test_all_the_fields_of_a_file():
    made = settings(
        """\
listen: "[::1]:0"
public_url: https://Gate.Example/
upstreams: [{name: default, url: "https://Registry.Example:5000/"}]
policies: [policies/, /abs/p.yaml]
unmatched: warn
trusted_roots: {acme: root.json, b: {tuf: "https://TUF.example/a/b/", root: b.json}, c: public-good}
keys: {a: keys/a.pub, b: {public_key: /k/b.pub, sign_with: "awskms:///alias/b"}}
state: sqlite:///var/lib/sealgate/state.db
decision_log: log.jsonl
admit_ttl: 60
"""
    )
    assert made == Settings(
        host="::1",
        port=0,
        public_url="https://gate.example",
        upstreams=(UpstreamSettings(name="default", url="https://registry.example:5000"),),
        policies=(FOLDER / "policies", Path("/abs/p.yaml")),
        unmatched=Unmatched.WARN,
        trusted_roots={
            "default": TrustedRootSettings(),
            "acme": TrustedRootSettings(file=FOLDER / "root.json"),
            "b": TrustedRootSettings(repository="https://tuf.example/a/b", repository_root=FOLDER / "b.json"),
            "c": TrustedRootSettings(),
        },
        trusted_roots_folder=Path("/var/lib/sealgate/trusted-roots"),
        keys={
            "a": KeySettings(public_key=FOLDER / "keys/a.pub"),
            "b": KeySettings(public_key=Path("/k/b.pub"), sign_with="awskms:///alias/b"),
        },
        state=Path("/var/lib/sealgate/state.db"),
        decision_log=FOLDER / "log.jsonl",
        admit_ttl=60.0,
    )
    assert made.called == "https://gate.example"


def test_all_the_fields_of_upstreams():
    made = settings(
        """\
upstreams:
  - {name: default, url: "http://r:5000", redirects: pass}
  - name: ghcr.io
    url: https://ghcr.io
    hosts: [Containers.example, "containers.example:5000"]
    timeouts: {connect: 1, first_byte: 2, idle: 3}
    redirects: follow
    redirect_hosts: ["minio:9000", "10.0.0.1"]
policies: [p]
"""
    )
    assert made.upstreams == (
        UpstreamSettings(name="default", url="http://r:5000", pass_redirects=True),
        UpstreamSettings(
            name="ghcr.io",
            url="https://ghcr.io",
            hosts=("containers.example", "containers.example:5000"),
            timeouts=UpstreamTimeouts(connect=1, first_byte=2, idle=3),
            redirect_hosts=("minio:9000", "10.0.0.1"),
        ),
    )
    assert made.names.canonical("org/app", "containers.example:5000", "").repository.name == "ghcr.io/org/app"


def test_the_flag_for_the_upstream_takes_the_place_of_all_of_them():
    made = settings(
        "upstreams: [{name: default, url: 'http://r'}, {name: b, url: 'http://s'}]\npolicies: [p]\n",
        flags=Overrides(upstream="http://flag"),
    )
    assert made.upstreams == (UpstreamSettings(name="default", url="http://flag"),)


def test_public_good_and_memory_and_stdout_have_names():
    made = settings(LEAST + "trusted_roots: {default: public-good}\nstate: memory\ndecision_log: '-'\n")
    assert (made.trusted_roots["default"], made.state, made.decision_log) == (TrustedRootSettings(), None, None)


@pytest.mark.parametrize(
    ("said", "variables", "expected"),
    [
        ("state: postgres://u@db/x", {}, SharedState(url="postgresql://u@db/x")),
        (
            "state: {url: 'postgresql://db/x', key_file: k}",
            {},
            SharedState(url="postgresql://db/x", key_file=FOLDER / "k"),
        ),
        ("state: {url_file: u}\nstate_key_file: k", {}, SharedState(url_file=FOLDER / "u", key_file=FOLDER / "k")),
        ("", {"SEALGATE_STATE": "postgresql://u:secret@db/x"}, SharedState(url="postgresql://u:secret@db/x")),
        (
            "state: {url_file: u}",
            {"SEALGATE_STATE": "postgresql://db/x", "SEALGATE_STATE_KEY_FILE": "/k"},
            SharedState(url="postgresql://db/x", key_file=Path("/k")),
        ),
    ],
)
def test_a_state_that_several_gates_share(said, variables, expected):
    made = settings(LEAST + said, **variables)
    assert (made.state, made.trusted_roots_folder) == (expected, None)
    assert "secret" not in repr(made)


def test_webhooks_that_are_told():
    made = settings(LEAST + "alerts: [{url: 'https://hooks.example'}, {url_file: u, format: teams, on: [denied]}]\n")
    every, denied = made.alerts
    assert (every.url, every.form, every.on) == ("https://hooks.example/", "cloudevents", frozenset(AlertKind))
    assert (denied.url_file, denied.form, denied.on) == (FOLDER / "u", "teams", frozenset({AlertKind.DENIED}))


def test_a_url_with_a_query_is_one():
    url = "https://prod-1.logic.example:443/workflows/ab/paths/invoke?api-version=1&sp=%2Ftriggers&sig=s3-c_r~t"
    (made,) = settings(LEAST + f"alerts: [{{url: '{url}'}}]\n").alerts
    assert made.url == url
    assert "s3-c_r~t" not in repr(made)


@pytest.mark.parametrize(
    "url",
    ["hooks.example", "ftp://hooks.example/s3cret", "https:///s3cret", "https://u:s3cret@hooks.example/",
     "https://hooks.example/s3cret#a", "https://hooks.example/s3cret b", "https://hooks.example/s3cret\u00e9",
     "https://hooks.example/s3cret" + "a" * 2048],
)  # fmt: skip
def test_what_is_no_webhook_is_refused_and_not_repeated(url):
    with pytest.raises(ConfigurationInvalid, match=r"alerts\[0\]\.url is no URL") as refused:
        settings(LEAST + f"alerts: [{{url: '{url}'}}]\n")
    assert "s3cret" not in str(refused.value)


def test_a_password_is_refused_and_not_repeated():
    for flags in (Overrides(state="postgresql://u:s3cret@db/x"), Overrides(state="postgresql://u:s3cret@")):
        with pytest.raises(ConfigurationInvalid) as refused:
            settings(LEAST, flags=flags)
        assert "s3cret" not in str(refused.value)
    for said in ("postgresql://u:s3cret@db/x", "{url: 'postgresql://u:s3cret@db/x'}", "postgresql://u:s3cret@"):
        with pytest.raises(ConfigurationInvalid) as refused:
            settings(LEAST + f"state: {said}\n")
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("listen", "called"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("0.0.0.0:8080", "http://localhost:8080"),
        ("[::]:80", "http://localhost:80"),
        ("[::1]:80", "http://[::1]:80"),
        ("gate:80", "http://gate:80"),
    ],
)
def test_what_messages_call_the_gate(listen, called):
    assert settings(LEAST + f"listen: '{listen}'\n").called == called


def test_flags_win_over_variables_and_those_over_the_file():
    variables = {
        "SEALGATE_LISTEN": "v:2",
        "SEALGATE_UNMATCHED": "warn",
        "SEALGATE_UPSTREAM": "http://v",
        "SEALGATE_POLICIES": "v1:v2",
    }
    made = settings(LEAST + "listen: f:1\nunmatched: admit\nadmit_ttl: 1\n", **variables)
    assert (made.host, made.port, made.unmatched, made.upstreams[0].url) == ("v", 2, Unmatched.WARN, "http://v")
    assert made.policies == (Path("v1"), Path("v2"))
    assert made.admit_ttl == 1
    made = settings(LEAST, flags=Overrides(listen="g:3", policies=["g"]), **variables)
    assert (made.host, made.port, made.unmatched, made.policies) == ("g", 3, Unmatched.WARN, (Path("g"),))


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("LISTEN", "h:1", "host", "h"),
        ("PUBLIC_URL", "https://g", "public_url", "https://g"),
        ("UPSTREAM", "https://u", "upstreams", (UpstreamSettings(name="default", url="https://u"),)),
        ("POLICIES", "a:b", "policies", (Path("a"), Path("b"))),
        ("UNMATCHED", "admit", "unmatched", Unmatched.ADMIT),
        ("TRUSTED_ROOT", "t.json", "trusted_roots", {"default": TrustedRootSettings(file=Path("t.json"))}),
        ("TRUSTED_ROOT", "public-good", "trusted_roots", {"default": TrustedRootSettings()}),
        ("STATE", "sqlite:///s.db", "state", Path("/s.db")),
        ("DECISION_LOG", "d.log", "decision_log", Path("d.log")),
        ("ADMIT_TTL", "5", "admit_ttl", 5.0),
    ],
)
def test_every_flag_is_a_variable_too(name, value, field, expected):
    assert getattr(settings(**{f"SEALGATE_{name}": value}), field) == expected
    given = value.split(":") if name == "POLICIES" else value
    assert getattr(settings(flags=Overrides(**{name.lower(): given})), field) == expected
    assert getattr(settings(**{f"SEALGATE_{name}": ""}), field) == getattr(settings(), field)


def test_what_kubernetes_sets_for_a_service_of_this_name_is_no_mistake():
    assert settings(SEALGATE_SERVICE_HOST="10.0.0.1", SEALGATE_PORT="tcp://10.0.0.1:80", SEALGATE_PORT_80_TCP_PORT="80")


def test_the_flag_for_the_trusted_root_leaves_the_others_of_the_file():
    made = settings(LEAST + "trusted_roots: {default: a.json, acme: b.json}\n", flags=Overrides(trusted_root="c.json"))
    assert made.trusted_roots == {
        "default": TrustedRootSettings(file=Path("c.json")),
        "acme": TrustedRootSettings(file=FOLDER / "b.json"),
    }


BAD = [
    ("", ["s.yaml: the file is empty"]),
    ("listen: [", ["s.yaml:1: not YAML: while parsing a flow node, expected the node content, but found '<stream end>'; put text that has brackets or braces in it into quotes"]),
    ("[]", ["s.yaml:1: must be a mapping, and is a list"]),
    ("{}", ["s.yaml:1: no policies are named; give policies: in the settings, or --policies", "s.yaml:1: no upstream is named; give upstreams: in the settings, or --upstream"]),
    (LEAST + "listn: a:1", ["s.yaml:3: unknown field listn; did you mean listen?"]),
    (LEAST + "upstream: a", ["s.yaml:3: unknown field upstream; did you mean upstreams?"]),
    (LEAST + "listen: 8080", ["s.yaml:3: listen: must be text, and is 8080; put it into quotes"]),
    *(
        (LEAST + f"listen: '{bad}'", [f"s.yaml:3: listen: {bad} is not HOST:PORT; as in 0.0.0.0:8080 or [::1]:8080"])
        for bad in ("8080", ":8080", "a", "a:", "a:x", "a:65536", "a:-1", "a:١", "::1:80", "[::g]:80", "[1.2.3.4]:80", "a b:80", "http://a:80", "a:0000000080", "a:80/")
    ),
    *(
        (f"upstreams: [{{name: default, url: '{bad}'}}]\npolicies: [p]\n", [f"s.yaml:1: upstreams[0].url: {bad} is not the origin of a server; as in https://registry.example:5000: no path, no credentials, nothing after it"])
        for bad in ("r:5000", "ftp://r", "http://", "http:///x", "http://r/v2", "http://r//", "http://r?x", "http://r?", "http://r#", "http://r:0", "http://r:99999", "http://r:x", "http://[::1", "http://[zz]", "http://r ", "http://r\\x", "http://ré", "//r", "file:///x", "http://-r", "http://r%2e")
    ),
    ("upstreams: [{name: default, url: 'http://u:secret@r'}]\npolicies: [p]\n", ["s.yaml:1: upstreams[0].url: what is given is not the origin of a server; as in https://registry.example:5000: no path, no credentials, nothing after it"]),
    *(
        (f"upstreams: [{{name: '{bad}', url: 'http://r'}}]\npolicies: [p]\n", [f"s.yaml:1: upstreams[0].name: {bad} is no name of an upstream; default, or how names of its repositories begin, as ghcr.io; hosts may name a port"])
        for bad in ("GHCR.io", "ghcr.io:443", "a/b", "..", "-a", "a..b", "é", "ghcr.io/")
    ),
    *(
        (f"upstreams: [{{name: a, url: 'http://r', {field}: [ok.example, '{bad}']}}]\npolicies: [p]\n", [f"s.yaml:1: upstreams[0].{field}[1]: {bad} is no host; as in ghcr.io or r.example:5000"])
        for field in ("hosts", "redirect_hosts") for bad in ("https://a", "a/", "a/b", "u@a", "a:0", "a:x", "a b", "*", "*.a", "-a", "a?", "[zz]")
    ),
    ("upstreams: [{name: default, url: 'http://r'}, {name: b, url: 'http://s', hosts: [R]}]\npolicies: [p]\n", ["s.yaml:1: upstreams: r would mean two upstreams: default and b; each name and each registry once"]),
    ("upstreams: [{name: a, url: 'http://r'}, {name: b, url: 'http://r:80'}]\npolicies: [p]\n", ["s.yaml:1: upstreams: r:80 would be behind two names: a and b; each name and each registry once"]),
    ("upstreams: [{name: default, url: 'http://r'}, {name: b, url: 'http://s', hosts: ['127.0.0.1:8080']}]\npolicies: [p]\n", ["s.yaml:1: upstreams: 127.0.0.1:8080 would mean the upstream b, and is what clients call the gate; each name and each registry once"]),
    ("upstreams: [{name: default, url: 'http://r', timeouts: {}}]\npolicies: [p]\n", ["s.yaml:1: upstreams[0].timeouts: must not be empty"]),
    ("upstreams: [{name: default, url: 'http://r', timeouts: {connect: 0, idle: 3601}}]\npolicies: [p]\n", ["s.yaml:1: upstreams[0].timeouts.connect: must be 1 or more, and is 0", "s.yaml:1: upstreams[0].timeouts.idle: must be 3600 or less, and is 3601"]),
    ("upstreams: [{name: default, url: 'http://r', redirects: never}]\npolicies: [p]\n", ['s.yaml:1: upstreams[0].redirects: "never" is not one of follow, pass']),
    ("upstreams: []\npolicies: [p]\n", ["s.yaml:1: upstreams: must not be empty"]),
    ("upstreams: [{name: default}]\npolicies: [p]\n", ['s.yaml:1: upstreams[0]: the field url is missing; as in url: "http://127.0.0.1:5000"']),
    ("upstreams: [{name: default, url: 'http://r'}]\npolicies: p\n", ['s.yaml:2: policies: must be a list, and is the text "p"; write it as a list: ["p"]']),
    (LEAST + "public_url: gate", ["s.yaml:3: public_url: gate is not the origin of a server; as in https://registry.example:5000: no path, no credentials, nothing after it"]),
    (LEAST + "unmatched: allow", ['s.yaml:3: unmatched: "allow" is not one of deny, warn, admit']),
    (LEAST + "trusted_roots: {}", ["s.yaml:3: trusted_roots: must not be empty"]),
    *(
        (LEAST + f"trusted_roots: {{'{bad}': a.json}}", [f"s.yaml:3: trusted_roots.{bad}: {bad} is no name of a trusted root; lower-case letters, digits and - between them, 64 at most"])
        for bad in ("../x", "a/b", "-a", "a-", "A", "a.b", "a" * 65)
    ),
    (LEAST + "trusted_roots: {a: {tuf: 'https://t'}}", ['s.yaml:3: trusted_roots.a: the field root is missing; as in root: "acme-root.json"']),
    (LEAST + "trusted_roots: {a: {tuf: 'https://t', root: r.json, url: x}}", ["s.yaml:3: trusted_roots.a: unknown field url"]),
    *(
        (LEAST + f"trusted_roots: {{a: {{tuf: '{bad}', root: r}}}}", [f"s.yaml:3: trusted_roots.a.tuf: {bad} is not the URL of a repository; as in https://tuf.example/sigstore: no credentials, nothing after the path"])
        for bad in ("t", "file:///etc", "http://", "http://t/../x", "http://t/a/./b", "http://t/a?b", "http://t/a#b", "http://t//a", "http://t/a%2e", "http://t/a b")
    ),
    (LEAST + "trusted_roots: {a: {tuf: 'https://u:secret@t', root: r}}", ["s.yaml:3: trusted_roots.a.tuf: what is given is not the URL of a repository; as in https://tuf.example/sigstore: no credentials, nothing after the path"]),
    (LEAST + "keys: {a: 1}", ["s.yaml:3: keys.a: must be text or a mapping, and is 1; put it into quotes"]),
    (LEAST + "keys: {a: ''}", ["s.yaml:3: keys.a: must not be empty"]),
    (LEAST + "keys: {a: {sign_with: x}}", ['s.yaml:3: keys.a: the field public_key is missing; as in public_key: "keys/release.pub"']),
    (LEAST + "keys: {a: {public_key: x, private_key: y}}", ["s.yaml:3: keys.a: unknown field private_key"]),
    (LEAST + "keys: {a: x, a: y}", ["s.yaml:3: keys.a: a stands here a second time; the first is in line 3"]),
    *(
        (LEAST + f"state: '{bad}'", [f"s.yaml:3: state: {bad} is none of memory, sqlite:///PATH and postgresql://HOST/DATABASE; as in sqlite:///var/lib/sealgate/state.db"])
        for bad in ("sqlite", "sqlite://", "sqlite:///", "sqlite:////", "sqlite:state.db", "state.db", "redis://x")
    ),
    *(
        (LEAST + f"state: {bad}", ["s.yaml: state: this is no URL of a PostgreSQL database; as in postgresql://sealgate@db.example/sealgate"])
        for bad in ("postgresql://db", "'postgresql://[x/y'", "postgresqlx://db/x", "{url: 'mysql://db/x'}")
    ),
    *(
        (LEAST + f"state: {bad}", ["s.yaml: state: a password is no setting: anybody may read those; give the URL in a file, state: {url_file: FILE}, or as SEALGATE_STATE"])
        for bad in ("postgresql://u:p@db/x", "postgresql://u:@db/x", "'postgresql://db/x?password=p'", "{url: 'postgres://u:p@db/x'}")
    ),
    (LEAST + "admit_ttl: 0", ["s.yaml:3: admit_ttl: must be 1 or more, and is 0"]),
    (LEAST + "admit_ttl: 86401", ["s.yaml:3: admit_ttl: must be 86400 or less, and is 86401"]),
    (LEAST + "admit_ttl: 1h", ['s.yaml:3: admit_ttl: must be a whole number, and is the text "1h"; only plain decimal digits without quotes are']),
    (LEAST + "tls: {certificate: a}", ['s.yaml:3: tls: the field key is missing; as in key: "tls.key"']),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problems"), BAD, ids=[str(at) for at in range(len(BAD))])
def test_what_is_refused_and_what_a_person_reads(text, problems):
    assert told(text) == problems


def test_every_problem_is_told_at_once_with_who_said_it():
    assert told(
        LEAST + "listn: x\ntls: {key: x}\nunmatched: admit\nstate: x\n",
        flags=Overrides(listen="nowhere", policies=["p"]),
        SEALGATE_UNMATCHED="perhaps",
        SEALGATE_PUBLIC_URL="here",
        SEALGATE_ADMIT_TTL="1e3",
        SEALGATE_UPSTREM="http://x",
    ) == [
        "s.yaml:3: unknown field listn; did you mean listen?",
        's.yaml:4: tls: the field certificate is missing; as in certificate: "tls.crt"',
        "s.yaml:6: state: x is none of memory, sqlite:///PATH and postgresql://HOST/DATABASE; as in sqlite:///var/lib/sealgate/state.db",
        "SEALGATE_UPSTREM: there is no such variable; did you mean SEALGATE_UPSTREAM?",
        "--listen: nowhere is not HOST:PORT; as in 0.0.0.0:8080 or [::1]:8080",
        "SEALGATE_UNMATCHED: perhaps is not one of deny, warn, admit",
        "SEALGATE_PUBLIC_URL: here is not the origin of a server; as in https://registry.example:5000: no path, no credentials, nothing after it",
        "SEALGATE_ADMIT_TTL: 1e3 is not a number of seconds from 1 to 86400",
    ]


def test_with_nothing_given_it_says_what_to_give():
    assert told(None) == [
        "s.yaml: no policies are named; give policies: in the settings, or --policies",
        "s.yaml: no upstream is named; give upstreams: in the settings, or --upstream",
    ]


def test_what_is_told_of_a_flag_is_printable():
    (problem,) = told(flags=Overrides(listen="\x1b[31m"))
    assert problem.isprintable()


@given(
    st.sampled_from(["listen", "public_url", "upstream", "unmatched", "trusted_root", "state", "decision_log", "admit_ttl"]),
    st.text(max_size=30) | st.text(alphabet="htps:/[]@.0123456789\n", max_size=30),
)  # fmt: skip
def test_whatever_a_flag_says_it_is_taken_or_refused(name, text):
    try:
        made = settings(flags=Overrides(**{name: text}))
    except ConfigurationInvalid:
        return
    assert 0 <= made.port < 65536
    assert made.upstreams[0].url.startswith(("http://", "https://"))
    assert not set(made.upstreams[0].url.removeprefix("https://").removeprefix("http://")) & set("/?#@ \n")
