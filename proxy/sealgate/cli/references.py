"""References as people type them."""

from typing import Final

from sealgate.errors import ReferenceMalformed
from sealgate.oci.digest import Digest
from sealgate.oci.naming import Names
from sealgate.oci.reference import Reference, Repository, Tag

_LATEST: Final = Tag("latest")


def parse_named(text: str, names: Names) -> tuple[Repository, Reference, str]:
    """Read `[HOST/]repository[:tag|@digest]`; the host may be the gate's, or any name of one of its registries.

    Returns:
        The canonical name, what is asked for there, and what people write for the repository.

    Raises:
        ReferenceMalformed: it is none, or names another host.
    """
    first, slash, rest = text.partition("/")
    host = ""
    if slash and (first == "localhost" or not {".", ":"}.isdisjoint(first)):
        host, text = first, rest
    name, at, digest = text.partition("@")
    name, colon, tag = name.partition(":")
    try:
        routed = names.canonical(Repository.parse(name).name, host, "")
    except ReferenceMalformed as error:
        raise ReferenceMalformed(f"{text}: {error}") from error
    asked = Digest.parse(digest) if at else Tag.parse(tag) if colon else _LATEST
    return routed.repository, asked, routed.image
