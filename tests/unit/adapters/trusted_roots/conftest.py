"""A repository that publishes trusted roots, served over loopback, and the gate's end of it."""

from datetime import timedelta

import pytest

from sealgate.adapters.clock import SystemClock
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.trusted_roots.beginning import from_repository
from sealgate.adapters.trusted_roots.current import TrustedRoots
from sealgate.adapters.trusted_roots.refresh import Refresher
from sealgate.adapters.trusted_roots.repository import TufRepository
from sealgate.testing import tuf
from sealgate.testing.sigstore import PrivateSigstore

NOW = SystemClock().now()  # python-tuf has no other clock
FIRST, SECOND = PrivateSigstore(now=NOW), PrivateSigstore(now=NOW)


class MovableClock:
    def __init__(self):
        self.moved = timedelta()

    def now(self):
        return NOW + self.moved

    def monotonic(self):
        return self.moved.total_seconds()


class NamesRoots:
    """A verifier that only says which roots it was made of."""

    version = "1"

    def __init__(self, roots):
        self.roots = dict(roots)

    @property
    def trusted_roots_digest(self):
        return " ".join(f"{name}={root.digest}" for name, root in sorted(self.roots.items()))

    def verify(self, candidate, keys, now):
        raise AssertionError("not asked here")


class Client:
    """The gate's end: begun anew with `again`, as after a restart, on the same folder."""

    def __init__(self, mirror, folder, name="acme"):
        self.mirror, self.folder, self.name, self.clock = mirror, folder, name, MovableClock()
        self.root = mirror.root
        self.again()

    def again(self):
        self.repository = TufRepository.within(self.folder, self.name, self.mirror.url, self.root)
        self.roots = TrustedRoots({self.name: from_repository(self.repository, self.name)}, NamesRoots)
        self.pauses = []
        self.refresher = Refresher(self.roots, {self.name: self.repository}, self.clock, self._pause)
        return self

    async def _pause(self, seconds):
        self.pauses.append(seconds)
        if len(self.pauses) == 8:
            raise EnoughError

    async def refresh(self):
        return await self.refresher.refresh(self.name)

    @property
    def state(self):
        return self.roots.states[self.name]

    @property
    def uses(self):
        return {None: None, digest(FIRST): "first", digest(SECOND): "second"}[
            self.state.root and self.state.root.digest
        ]


class EnoughError(Exception):
    pass


def digest(sigstore):
    return TrustedRootFile.parse(sigstore.trusted_root_json(), "x").digest


@pytest.fixture
def mirror():
    """A repository that publishes the first root."""
    with tuf.TufRepository(now=NOW, trusted_root=FIRST.trusted_root_json()).serving() as served:
        yield served


@pytest.fixture
def client(mirror, tmp_path):
    """The gate's end of it."""
    return Client(mirror, tmp_path / "roots")


@pytest.fixture
def second():
    """Another trusted root, as JSON."""
    return SECOND.trusted_root_json()


@pytest.fixture
def enough():
    """What ends the loop that never ends."""
    return EnoughError
