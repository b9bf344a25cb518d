"""Who may do what at the gate: the settings' `access:` table (design section 4). Not the policies' business.

Rights are looked up for every request, from the table and from what that request proves of its caller; nothing that was
allowed once is remembered (attacks B36).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sealgate.oci.reference import Repository
from sealgate.policy import glob
from sealgate.policy.identity import Identity
from sealgate.policy.record import Caller

ANYONE: Final = "anyone"
AUTHENTICATED: Final = "authenticated"
GROUP: Final = "group:"


class Right(StrEnum):
    """What a caller may do in a repository. None of them implies another, but that to inspect is to read."""

    PULL = "pull"
    PUSH = "push"
    SIGN = "sign"  # push carriers: signatures and attestations
    INSPECT = "inspect"  # read what the policies do not admit
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One entry of the table.

    Args:
        who: names of identities; `group:NAME`; `authenticated` (whoever it is); `anyone` (nobody known, too).
        may: their rights.
        repositories: globs over canonical names.
    """

    who: frozenset[str]
    may: frozenset[Right]
    repositories: tuple[str, ...]

    def to(self, identity: Identity) -> bool:
        """Whether this identity is one of those."""
        if ANYONE in self.who:
            return True
        if not identity.known:
            return False
        names = {AUTHENTICATED, *(GROUP + group for group in identity.groups)}
        if not identity.name.startswith(GROUP):  # a name that looks like a group is in no group
            names.add(identity.name)
        return not names.isdisjoint(self.who)

    def covers(self, repository: Repository) -> bool:
        """Whether it speaks of this repository."""
        return any(glob.matches(pattern, repository.name) for pattern in self.repositories)


class AccessRules:
    """`ports.Rights`, from the table; or what holds without one.

    Without a table nobody deletes and nobody inspects. The rest is the upstream's to grant where it is asked with the
    client's credentials or with none; where the gate lends its own, whoever it has authenticated may pull, push and
    sign, and nobody else.

    Args:
        table: the entries; None when the settings have no `access:`.
        lends: whether the gate asks for this repository with credentials of its own.
    """

    def __init__(
        self, table: tuple[Grant, ...] | None = None, lends: Callable[[Repository], bool] = lambda _: False
    ) -> None:
        self._table = table
        self._lends = lends

    def may(self, right: Right, repository: Repository, caller: Caller) -> bool:
        """Whether this caller has this right here."""
        identity = caller.identity
        if right is Right.INSPECT and not identity.known:  # each such read must have a name in the log
            return False
        if self._table is None:
            if right in (Right.INSPECT, Right.DELETE):
                return False
            return identity.known or not self._lends(repository)
        return any(right in grant.may and grant.to(identity) and grant.covers(repository) for grant in self._table)

    def may_pull(self, repository: Repository, caller: Caller) -> bool:
        """Whether this caller may read here."""
        return self.may(Right.PULL, repository, caller)

    def may_delete(self, repository: Repository, caller: Caller) -> bool:
        """Whether this caller may delete here."""
        return self.may(Right.DELETE, repository, caller)
