"""Which addresses are public; the resolvers are tested where they resolve, in tests/hostile."""

import ipaddress

import pytest

from sealgate.adapters.upstream.addresses import is_public


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("64:ff9b::5db8:d822", True),
        ("64:ff9b::a9fe:a9fe", False),
        ("64:ff9b:1::a9fe:a9fe", False),
        ("::a9fe:a9fe", False),
        ("::ffff:0:a9fe:a9fe", False),
        ("::ffff:169.254.169.254", False),
        ("fec0::1", False),
        ("2002:a9fe:a9fe::", False),
    ],
)
def test_b25_an_address_that_stands_for_another_is_judged_as_that(text, public):
    assert is_public(ipaddress.ip_address(text)) is public
