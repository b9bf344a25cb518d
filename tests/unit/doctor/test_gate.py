"""Which host a URL, or the beginning of an image's name, leads to."""

import pytest

from sealgate.doctor.gate import Gate, place_of
from sealgate.errors import Malformed


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("gate.example", "gate.example"),
        ("GATE.example", "gate.example"),
        ("https://gate.example", "gate.example"),
        ("https://gate.example:443/v2/x", "gate.example"),
        ("gate.example:443", "gate.example"),
        ("gate.example/docker.io", "gate.example"),
        ("http://gate.example", "gate.example:80"),
        ("http://gate.example:5000", "gate.example:5000"),
        ("https://[::1]:5000", "[::1]:5000"),
    ],
)
def test_the_same_place_is_written_in_one_way(text, place):
    assert place_of(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "", "https://", "HTTPS://gate.example", "ftp://gate.example", "https://user@evil.example", "//gate.example",
        "https://gate.example@evil.example", "https://gate.example\\@evil.example", "https://gate.example?x",
        "gate example", "https://evil.example#gate.example", "https://g\u0430te.example",
        "https://gate.example\n", "*.example", "gate.example:x",
    ],
)  # fmt: skip
def test_what_clients_could_read_otherwise_is_no_place(text):
    assert place_of(text) == ""
    assert not Gate.at("gate.example").is_at(text)
    with pytest.raises(Malformed):
        Gate.at(text)


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("gate.example", "https://gate.example"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("[::1]:5", "http://[::1]:5"),
    ],
)
def test_the_url_that_is_told(said, url):
    assert Gate.at(said).url == url


def test_plain_http_over_a_network_is_noticed():
    assert Gate.at("http://gate.example").in_the_clear("http://gate.example")
    assert not Gate.at("gate.example").in_the_clear("https://gate.example")
    assert not Gate.at("localhost:5000").in_the_clear("http://localhost:5000")
