"""What a token is for (distribution's token specification, "Requesting a Token"): built from names, never from text."""

import re
from dataclasses import dataclass
from typing import Final

from sealgate.errors import Malformed, ReferenceMalformed
from sealgate.oci.reference import Repository

_ACTIONS: Final = frozenset({"pull", "push", "delete", "*"})
_SCOPE: Final = re.compile(r"repository(?:\([a-z]+\))?:([^:]+):([a-z*,]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """Rights in one repository, under the name that the registry calls it by; or all of the catalog."""

    repository: str
    actions: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """Read what a client asks a token for.

        Raises:
            Malformed: not rights in one repository.
        """
        found = _SCOPE.fullmatch(text)
        actions = tuple(sorted(set(found[2].split(",")))) if found else ()
        if found is None or not _ACTIONS.issuperset(actions):
            raise Malformed("a scope is repository:NAME:ACTIONS")
        try:
            return cls(Repository.parse(found[1]).name, actions)
        except ReferenceMalformed as error:
            raise Malformed(f"a scope: {error}") from error

    def __str__(self) -> str:
        return f"repository:{self.repository}:{','.join(self.actions)}" if self.repository else "registry:catalog:*"


def pull(repository: Repository) -> Scope:
    """To read."""
    return Scope(repository.name, ("pull",))


def push(repository: Repository) -> Scope:
    """To write; registries want the right to read with it."""
    return Scope(repository.name, ("pull", "push"))


def delete(repository: Repository) -> Scope:
    """To delete; registries look at what is deleted with the right to read."""
    return Scope(repository.name, ("delete", "pull"))


CATALOG: Final = Scope("", ())
"""To list repositories."""
