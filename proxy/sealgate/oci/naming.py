"""Which registry a request is about, and the one name that its repository has (design section 4; attacks B17).

A request says it in up to three ways: the first component of the name in its path, containerd's `?ns=`, and `Host`.
Each is looked up in one allow-list, made of the settings; what could mean two registries means none. What comes out is
the canonical name: the repository's own at the default registry, `<registry>/<own name>` at any other. No two
repositories ever have one canonical name, and no repository has two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sealgate.errors import ConfigurationInvalid, ReferenceMalformed
from sealgate.oci.reference import Repository

DEFAULT: Final = "default"

# Docker Hub under all its names; its images without an owner are in `library` (distribution/reference, `normalize.go`).
_HUB: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HUB_IMAGES: Final = "library"


class Way(StrEnum):
    """How a request said which registry it means."""

    DEFAULT = "default"  # it did not
    HOST = "host"
    NS = "ns"
    PATH = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRegistry:
    """What the settings say of one registry, as far as names go.

    Args:
        name: `default`, or the first component of the canonical names of its repositories.
        hosts: what else means it: names, each perhaps with a port.
        address: `host[:port]` of its URL.
    """

    name: str
    hosts: tuple[str, ...] = ()
    address: str

    @property
    def is_default(self) -> bool:
        """Whether it is meant where nothing says otherwise."""
        return self.name == DEFAULT

    @property
    def is_hub(self) -> bool:
        """Whether it is Docker Hub, or a mirror that is called so."""
        return not _HUB.isdisjoint({self.name, *self.hosts, _authority(self.address)})

    @property
    def names(self) -> frozenset[str]:
        """All that means it: in a path, in `?ns=` and in `Host`.

        The address is one only of the default registry: what is asked for by it needs no upstream of that name.
        """
        own = {_authority(self.address)} if self.is_default else {self.name}
        return frozenset({*own, *map(_authority, self.hosts), *(_HUB if self.is_hub else ())})


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """What a request turned out to be about.

    Args:
        repository: the canonical name.
        upstream: the registry's name in the settings.
        way: how the request said so.
        asked: the name in the request's path; answers use it again.
        ns: its `?ns=`; "" when it had none.
        host: its `Host`, where that names a registry; else "".
        image: what people write for the repository, so that it comes through the gate; a tag or digest is to follow.
    """

    repository: Repository
    upstream: str
    way: Way
    asked: str
    ns: str = ""
    host: str = ""
    image: str


class Names:
    """The registries behind one gate, by everything that means one.

    Args:
        registries: all of them.
        gate: `host[:port]` of the gate itself.

    Raises:
        ConfigurationInvalid: a name could mean two of them, or one registry would have two names.
    """

    def __init__(self, registries: Sequence[NamedRegistry], gate: str) -> None:
        problems = list(_problems(registries, _authority(gate)))
        if problems:
            raise ConfigurationInvalid(*problems)
        self._gate = gate
        self._meant = {name: registry for registry in registries for name in registry.names}
        self._by_name = {registry.name: registry for registry in registries}

    def canonical(self, name: str, ns: str, host: str) -> Routed:
        """The repository that a request is about.

        Args:
            name: the name in its path, of the specification's grammar.
            ns: its `?ns=`, decoded; "" when there is none.
            host: its `Host`; "" when there is none.

        Raises:
            ReferenceMalformed: it names no registry, or more than one.
        """
        chosen, way = self._chosen(ns, host)
        own = name
        first, _, rest = name.partition("/")
        if (in_path := self._meant.get(first)) is not None:
            if way is not Way.DEFAULT and in_path is not chosen:
                raise ReferenceMalformed(f"{first} is another registry than the one that the request names besides")
            if not rest:
                raise ReferenceMalformed(f"{first} is a registry: the name of a repository has to follow")
            chosen, own, way = in_path, rest, Way.PATH if way is Way.DEFAULT else way
        if chosen is None:
            raise ReferenceMalformed(f"{first} is no registry behind this gate, and there is no default one")
        if chosen.is_hub and "/" not in own:
            own = f"{_HUB_IMAGES}/{own}"
        if chosen.is_default:
            self._check_own(own)
        repository = Repository.parse(own if chosen.is_default else f"{chosen.name}/{own}")
        host = _authority(host) if way is Way.HOST else ""
        image = f"{host}/{own}" if host else f"{self._gate}/{repository}"
        return Routed(repository=repository, upstream=chosen.name, way=way, asked=name, ns=ns, host=host, image=image)

    def beside(self, routed: Routed, name: str) -> Repository | None:
        """What a name means to one who asks as this request did, if that is at the same registry.

        Args:
            routed: the request.
            name: of the specification's grammar.
        """
        try:
            found = self.canonical(name, routed.ns, routed.host)
        except ReferenceMalformed:
            return None
        return found.repository if found.upstream == routed.upstream else None

    def registry(self, ns: str, host: str) -> tuple[str | None, Way]:
        """The name of the registry that a request without a repository is about, and how it said so.

        None: it names none, and there is no default.

        Raises:
            ReferenceMalformed: it names one that is not there, or more than one.
        """
        chosen, way = self._chosen(ns, host)
        return (None if chosen is None else chosen.name), way

    def at(self, repository: Repository) -> tuple[str, Repository]:
        """The registry of a canonical name, and the repository's own name there.

        Raises:
            ReferenceMalformed: the canonical name is none of this gate's.
        """
        first, _, own = repository.name.partition("/")
        if first != DEFAULT and own and first in self._by_name:
            return first, Repository(own)
        if DEFAULT not in self._by_name:
            raise ReferenceMalformed(f"{first} is no registry behind this gate, and there is no default one")
        return DEFAULT, repository

    def upstream_of(self, repository: Repository) -> str:
        """The name of the registry that a canonical name leads to. Raises as `at`."""
        return self.at(repository)[0]

    def upstreams_of(self, pattern: str) -> frozenset[str]:
        """The names of the registries whose repositories a policy's pattern may match.

        Args:
            pattern: of canonical names, where `*`, `?` and `{` stand for something else than themselves.
        """
        first, _, rest = pattern.partition("/")
        if not {"*", "?", "{"}.isdisjoint(first):
            return frozenset(self._by_name)
        return frozenset(
            {first if rest and first != DEFAULT and first in self._by_name else DEFAULT} & {*self._by_name}
        )

    def spellings(self, repository: Repository) -> frozenset[str]:
        """How references name a repository, host first, as `spelt` writes them: at its registry and through the gate.

        Raises:
            ReferenceMalformed: as `at`.
        """
        name, own = self.at(repository)
        registry, gate = self._by_name[name], _authority(self._gate)
        hosts = registry.names | {_authority(registry.address)}
        through = {f"{gate}/{host}/{own}" for host in hosts}
        return frozenset({f"{gate}/{repository}", *through, *(f"{host}/{own}" for host in hosts)})

    def canonical_at(self, upstream: str, own: Repository) -> Repository:
        """The canonical name of a repository that a registry calls by its own.

        Raises:
            ReferenceMalformed: it can have none: at the default registry, where it would be another registry's.
        """
        if upstream == DEFAULT:
            self._check_own(own.name)
            return own
        return Repository.parse(f"{upstream}/{own}")

    def _chosen(self, ns: str, host: str) -> tuple[NamedRegistry | None, Way]:
        """The registry that `?ns=` and `Host` name, the default one if they do not."""
        gate = _authority(self._gate)
        hosted = self._meant.get(_authority(host)) if _authority(host) != gate else None
        named = None
        if ns and _portless(ns) != gate:
            # In lower case only: containerd writes what stands in the reference, and nothing else has to be understood.
            if (named := self._meant.get(_portless(ns))) is None:
                raise ReferenceMalformed("the query's ns names no registry behind this gate")
            if hosted is not None and hosted is not named:
                raise ReferenceMalformed("the query's ns names another registry than Host does")
        if hosted is not None:
            return hosted, Way.HOST
        if named is not None:
            return named, Way.NS
        return self._by_name.get(DEFAULT), Way.DEFAULT

    def _check_own(self, own: str) -> None:
        """Refuse a name at the default registry that would read as one at another, now or once there is one."""
        first = own.partition("/")[0]
        if first in self._meant or first == "localhost" or not {".", ":"}.isdisjoint(first):
            raise ReferenceMalformed(f"{first} is the name of a host, and of no registry behind this gate")


def spelt(reference: str) -> str:
    """The repository that a reference with a host names: without tag and digest, and without a port that says nothing.

    What is no such reference comes out as something that names no repository.
    """
    host, _, name = reference.partition("@")[0].partition("/")
    folder, slash, last = name.rpartition("/")
    return f"{_authority(host)}/{folder}{slash}{last.partition(':')[0]}"


def _problems(registries: Sequence[NamedRegistry], gate: str) -> Iterator[str]:
    meant: dict[str, str] = {}
    addresses: dict[str, str] = {}
    for registry in registries:
        for name in sorted(registry.names):
            if name in meant:
                told = f"{name} would mean two upstreams: {meant[name]} and {registry.name}"
                yield f"{name} is the name of two upstreams" if name == meant[name] == registry.name else told
            elif name == gate and not registry.is_default:
                yield f"{name} would mean the upstream {registry.name}, and is what clients call the gate"
            meant.setdefault(name, registry.name)
        address = _authority(registry.address)
        if addresses.setdefault(address, registry.name) != registry.name:
            yield f"{registry.address} would be behind two names: {addresses[address]} and {registry.name}"
    if [registry.name for registry in registries].count(DEFAULT) > 1:
        yield "there are two default upstreams"


def _authority(text: str) -> str:
    return _portless(text.lower())


def _portless(text: str) -> str:
    """A host without a port that says nothing."""
    return text.removesuffix(":443").removesuffix(":80")
