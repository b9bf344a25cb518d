"""`tls`, and how TLS is spoken with upstreams: what it comes to, and what is refused about it."""

from pathlib import Path

import pytest

from sealgate.errors import ConfigurationInvalid
from sealgate.settings import Overrides, TlsSettings, UpstreamTls, read_settings

FOLDER = Path("/etc/sealgate")


def read(more: str = "", *, upstream: str = "", url: str = "https://r.example"):
    raw = f"upstreams: [{{name: default, url: '{url}', {upstream}}}]\npolicies: [p.yaml]\n{more}\n".encode()
    return read_settings("s.yaml", raw, flags=Overrides(), variables={}, folder=FOLDER)


def problems(*said, **more):
    with pytest.raises(ConfigurationInvalid) as caught:
        read(*said, **more)
    return list(caught.value.problems)


def test_without_tls_the_gate_is_called_by_http():
    settings = read()
    assert settings.tls is None
    assert settings.called == "http://127.0.0.1:8080"


def test_files_are_relative_to_the_settings_and_the_gate_is_called_by_https():
    settings = read("tls: {certificate: tls.crt, key: /run/tls.key, client_ca: ca.crt}")
    assert settings.tls == TlsSettings(
        certificate=FOLDER / "tls.crt", key=Path("/run/tls.key"), client_ca=FOLDER / "ca.crt"
    )
    assert settings.called == "https://127.0.0.1:8080"


@pytest.mark.parametrize(("said", "missing"), [("key: tls.key", "certificate"), ("certificate: tls.crt", "key")])
def test_a_certificate_is_nothing_without_its_key(said, missing):
    (problem,) = problems(f"tls: {{{said}}}")
    assert f"the field {missing} is missing" in problem


def test_an_upstream_is_verified_where_nothing_is_said():
    assert read().upstreams[0].tls == UpstreamTls()


def test_an_upstreams_files():
    upstream = "ca: ca.crt, client_certificate: {certificate: c.crt, key: c.key}"
    assert read(upstream=upstream).upstreams[0].tls == UpstreamTls(
        ca=FOLDER / "ca.crt", certificate=FOLDER / "c.crt", key=FOLDER / "c.key"
    )


def test_verification_is_left_out_by_one_field_whose_name_says_unsafe():
    assert read(upstream="unsafe_skip_tls_verification: true").upstreams[0].tls.unsafe_skip_verification
    assert not read(upstream="unsafe_skip_tls_verification: false").upstreams[0].tls.unsafe_skip_verification
    for wrong in ("'true'", "1", "yes"):
        assert problems(upstream=f"unsafe_skip_tls_verification: {wrong}")


def test_a_ca_that_verifies_nothing_is_refused():
    (problem,) = problems(upstream="ca: ca.crt, unsafe_skip_tls_verification: true")
    assert "upstreams[0].ca: nothing is verified with unsafe_skip_tls_verification" in problem


@pytest.mark.parametrize(
    "upstream",
    ["ca: c", "client_certificate: {certificate: c, key: k}", "unsafe_skip_tls_verification: true"],
)
def test_tls_with_an_upstream_of_plain_http_is_refused(upstream):
    (problem,) = problems(upstream=upstream, url="http://r.example")
    assert "this upstream does not speak TLS; its url must begin with https://" in problem
