"""Who a caller is, once that is proven."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody whom the gate has authenticated, or nobody.

    Args:
        name: a user of the htpasswd file as it stands there, which has no colon; else the way it was proven, a colon,
            and who that says it is (`oidc:alice`, `mtls:ci`), so that nobody takes another's name by another way.
            "" is nobody: no credentials were shown.
        groups: what the issuer of a token says of groups.
    """

    name: str = ""
    groups: frozenset[str] = frozenset()

    @property
    def known(self) -> bool:
        """Whether it is somebody."""
        return bool(self.name)


NOBODY: Final = Identity()
"""A caller who showed nothing."""
