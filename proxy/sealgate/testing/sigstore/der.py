"""As much DER as a certificate extension, a timestamp token and a request for one need (X.690)."""

from datetime import UTC, datetime
from typing import Final

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
OID: Final = 0x06


def values(content: bytes) -> list[tuple[int, bytes]]:
    """The values that follow each other in `content`: tag and content of each. Of one value, it is one.

    Raises:
        ValueError: it ends amid a value.
    """
    found = []
    while content:
        tag, length, start = content[0], content[1], 2
        if length >= 0x80:
            start += length - 0x80
            length = int.from_bytes(content[2:start], "big")
        if len(content) < start + length:
            raise ValueError("truncated DER")
        found.append((tag, content[start : start + length]))
        content = content[start + length :]
    return found


def tlv(tag: int, content: bytes) -> bytes:
    """One value: tag, length, content."""
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE."""
    return tlv(0x30, b"".join(parts))


def set_of(*parts: bytes) -> bytes:
    """SET OF, in DER's order."""
    return tlv(0x31, b"".join(sorted(parts)))


def explicit(number: int, content: bytes) -> bytes:
    """A context tag around a whole value."""
    return tlv(0xA0 | number, content)


def integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(content: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(0x04, content)


def utf8(text: str) -> bytes:
    """UTF8String."""
    return tlv(0x0C, text.encode())


def generalized_time(moment: datetime) -> bytes:
    """GeneralizedTime, whole seconds."""
    return tlv(0x18, moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        content.extend(reversed(septets))
    return tlv(OID, bytes(content))
