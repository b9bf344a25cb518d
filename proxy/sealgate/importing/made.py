"""What an import makes: policies, and what was lost on the way."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

Data: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something in the source that was not carried over as it stands there.

    Args:
        place: file, line and path.
        text: what it is, and what became of it.
        weaker: whether the policies now admit what the source may refuse.
    """

    place: str
    text: str
    weaker: bool

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@dataclass(slots=True, kw_only=True)
class Policy:
    """One policy, as its file is to say it.

    Args:
        data: its fields, in order.
        losses: what was lost of the thing it was made from.
    """

    data: Data
    losses: list[Loss]


@dataclass(slots=True)
class Imported:
    """What came of a file.

    Args:
        policies: in the order of the file.
        losses: everything that was lost, also where no policy came of it.
        trusted_roots: names that the policies use and the settings must define.
    """

    policies: list[Policy] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    trusted_roots: set[str] = field(default_factory=set)

    @property
    def weaker(self) -> bool:
        """Whether something that restricts was lost."""
        return any(loss.weaker for loss in self.losses)

    def add(self, data: Data, since: int) -> None:
        """A policy; what was lost from position `since` on is its own."""
        name, taken = str(data["name"]), {policy.data["name"] for policy in self.policies}
        number = 2
        while data["name"] in taken:
            data["name"] = f"{name}-{number}"
            number += 1
        self.policies.append(Policy(data=data, losses=self.losses[since:]))


def unique(texts: Iterable[str]) -> list[str]:
    """Without repetitions, in order."""
    return list(dict.fromkeys(texts))
