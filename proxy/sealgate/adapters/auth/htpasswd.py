"""Users with passwords: an htpasswd file with bcrypt, the one form that is safe to keep and that registries read.

A check takes tens of milliseconds of a core, so it runs beside the event loop, and what was found right is remembered
for a while: as a keyed hash whose key lives in this process only, never as a password. What was found wrong is not
remembered. An unknown user costs what a known one does (attacks B37).
"""

import asyncio
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import bcrypt

from sealgate.adapters.watched import Watched
from sealgate.admission.single_flight import SingleFlight
from sealgate.errors import AuthenticationUnavailable, ConfigurationInvalid
from sealgate.limits import (
    BCRYPT_MOST_COST,
    BCRYPT_PASSWORD_BYTES,
    HTPASSWD_USERS,
    IDENTITY_CHARACTERS,
    PASSWORD_SECONDS,
    PASSWORD_THREADS,
    PASSWORDS_IN_MEMORY,
    PASSWORDS_WAITING,
)
from sealgate.policy.identity import Identity
from sealgate.ports import Clock

# Modular crypt format: the versions that Apache, Go and Python write, a cost, 22 characters of salt and 31 of hash.
_HASH: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}", re.ASCII)
_NAME: Final = re.compile(r"[^\x00-\x20\x7f:]+")
_LEAST_COST: Final = 4  # bcrypt's own


@dataclass(frozen=True, slots=True)
class Users:
    """Hashes by user name, and one of nobody's that costs as much as the dearest of them."""

    hashes: Mapping[str, bytes]
    decoy: bytes


def read_users(file: str, raw: bytes) -> Users:
    """Read an htpasswd file.

    Args:
        file: its name, for messages.
        raw: its content.

    Raises:
        ConfigurationInvalid: a line that is no user with a bcrypt hash, a user named twice; it never quotes a line.
    """
    problems: list[str] = []
    hashes: dict[str, bytes] = {}
    cost = _LEAST_COST
    for number, line in enumerate(raw.decode(errors="replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, _, hashed = text.partition(":")
        found = _HASH.fullmatch(hashed)
        if not _NAME.fullmatch(name) or len(name) > IDENTITY_CHARACTERS or not name.isprintable():
            problems.append(f"{file}:{number}: this is no line of a user; as `htpasswd -nB NAME` writes it")
        elif found is None:
            problems.append(f"{file}:{number}: {name}: not a bcrypt hash; as `htpasswd -nB {name}` writes it")
        elif not _LEAST_COST <= int(found[1]) <= BCRYPT_MOST_COST:
            problems.append(f"{file}:{number}: {name}: a cost between {_LEAST_COST} and {BCRYPT_MOST_COST} is taken")
        elif name in hashes:
            problems.append(f"{file}:{number}: {name} is there twice")
        else:
            hashes[name] = hashed.encode()
            cost = max(cost, int(found[1]))
    if len(hashes) > HTPASSWD_USERS:
        problems.append(f"{file}: more than {HTPASSWD_USERS} users")
    if problems:
        raise ConfigurationInvalid(*problems)
    return Users(hashes, b"$2b$%02d$" % cost + b"." * 53)


class Htpasswd:
    """The users of one file.

    Args:
        path: the file, read again when it changes.
        clock: how long a password has been remembered.

    Raises:
        ConfigurationInvalid: the file cannot be used.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._users = Watched(path, read_users, clock)
        self._clock = clock
        self._threads = ThreadPoolExecutor(PASSWORD_THREADS, thread_name_prefix="sealgate-password")
        self._waiting = 0
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._flights: SingleFlight[bool] = SingleFlight()

    async def identify(self, name: str, password: str) -> Identity | None:
        """The user of this name; None when there is none, or the password is another.

        Raises:
            AuthenticationUnavailable: the file cannot be read, or too many passwords are being checked.
        """
        users, secret = self._users.now(), password.encode()
        if users is None:
            raise AuthenticationUnavailable("who you are cannot be checked just now")
        hashed = users.hashes.get(name, users.decoy)
        seal = hmac.digest(self._key, hashed + b"\n" + secret, sha256)
        if not self._is_remembered(seal):
            right, _ = await self._flights.run(seal, lambda: self._check(secret, hashed, seal))
            if not right:
                return None
        return Identity(name=name) if name in users.hashes else None

    def close(self) -> None:
        """Check no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _check(self, secret: bytes, hashed: bytes, seal: bytes) -> bool:
        if self._waiting >= PASSWORDS_WAITING:
            raise AuthenticationUnavailable("too many passwords are being checked")
        self._waiting += 1
        try:
            right = await asyncio.get_running_loop().run_in_executor(self._threads, _matches, secret, hashed)
        finally:
            self._waiting -= 1
        if right:
            self._right[seal] = self._clock.monotonic() + PASSWORD_SECONDS
            while len(self._right) > PASSWORDS_IN_MEMORY:
                self._right.popitem(last=False)
        return right

    def _is_remembered(self, seal: bytes) -> bool:
        """Whether this password was right for this very hash; so a hash that changed is checked again."""
        until = self._right.get(seal)
        if until is None or until <= self._clock.monotonic():
            self._right.pop(seal, None)
            return False
        self._right.move_to_end(seal)
        return True


def _matches(secret: bytes, hashed: bytes) -> bool:
    """bcrypt, which compares in constant time. What it cannot read whole is wrong, after the same time."""
    readable = len(secret) <= BCRYPT_PASSWORD_BYTES and b"\0" not in secret
    return bcrypt.checkpw(secret if readable else b"", hashed) and readable
