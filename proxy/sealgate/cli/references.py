"""References as people type them."""

from typing import Final
from urllib.parse import urlsplit

from sealgate.errors import ReferenceMalformed
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Reference, Repository, Tag
from sealgate.settings import Settings

_LATEST: Final = Tag("latest")


def parse_named(text: str, settings: Settings) -> tuple[Repository, Reference]:
    """Read `[HOST/]repository[:tag|@digest]`; the host may be the gate's or the registry's own.

    Raises:
        ReferenceMalformed: it is none, or names another host.
    """
    hosts = {urlsplit(settings.upstream.url).netloc, urlsplit(settings.called).netloc}
    first, slash, rest = text.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        if first not in hosts:
            raise ReferenceMalformed(f"{first} is neither the gate nor its registry ({', '.join(sorted(hosts))})")
        text = rest
    name, at, digest = text.partition("@")
    if at:
        return Repository.parse(name.partition(":")[0]), Digest.parse(digest)
    name, colon, tag = name.partition(":")
    return Repository.parse(name), Tag.parse(tag) if colon else _LATEST
