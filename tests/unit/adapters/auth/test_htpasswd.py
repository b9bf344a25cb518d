"""The password file."""

import asyncio

import bcrypt
import pytest

from sealgate.adapters.auth.htpasswd import Htpasswd, read_users
from sealgate.errors import AuthenticationUnavailable, ConfigurationInvalid
from sealgate.limits import CREDENTIAL_FILE_SECONDS, PASSWORD_SECONDS
from sealgate.policy.identity import Identity


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


ANN = f"ann:{hashed('sesame')}"


@pytest.fixture
def opened(tmp_path, clock):
    made = []

    def make(text: str) -> Htpasswd:
        (tmp_path / "users").write_text(text)
        made.append(Htpasswd(tmp_path / "users", clock))
        return made[-1]

    yield make
    for one in made:
        one.close()


async def test_a_user(opened):
    users = opened(f"# people\n\n{ANN}\nbob:{hashed('x' * 72)}\n")
    for _ in range(2):  # checked, then remembered
        assert await users.identify("ann", "sesame") == Identity(name="ann")
        assert await users.identify("ann", "Sesame") is None
    assert await users.identify("bob", "x" * 72) == Identity(name="bob")
    for name, password in (("bob", "x" * 73), ("ann", ""), ("ann", "sesame\0"), ("", ""), ("eve", "sesame")):
        assert await users.identify(name, password) is None


async def test_nobody_is_behind_the_decoy(opened, monkeypatch):
    """Even where the password of nobody's hash were right, nobody is somebody."""
    users = opened(ANN + "\n")
    monkeypatch.setattr("sealgate.adapters.auth.htpasswd._matches", lambda *_: True)
    assert await users.identify("eve", "x") is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ann:{SHA}Ys23Ag/5IOWqZCw9QGaVDdHwH00=", "1: ann: not a bcrypt hash"),
        ("ann:$apr1$x$y", "1: ann: not a bcrypt hash"),
        ("ann:plain", "1: ann: not a bcrypt hash"),
        ("ann", "1: ann: not a bcrypt hash"),
        (":" + hashed("x"), "1: this is no line of a user"),
        (f"{ANN}\n{ANN}", "2: ann is there twice"),
        ("ann:" + hashed("x").replace("$04$", "$20$"), "1: ann: a cost between 4 and 14"),
    ],
    ids=["sha", "apr1", "plain", "no colon", "no name", "twice", "cost"],
)
def test_what_is_no_user(line, told):
    with pytest.raises(ConfigurationInvalid) as caught:
        read_users("users", line.encode())
    assert caught.value.problems[0].startswith(f"users:{told}")
    assert "$2b$" not in str(caught.value)


async def test_b36_who_is_removed_is_out_at_once(opened, clock, tmp_path):
    users = opened(ANN + "\n")
    assert await users.identify("ann", "sesame")
    (tmp_path / "users").write_text("bob:" + hashed("x") + "\n")
    clock.advance(CREDENTIAL_FILE_SECONDS)
    assert await users.identify("ann", "sesame") is None


async def test_b36_a_password_that_changed_is_not_remembered(opened, clock, tmp_path):
    users = opened(ANN + "\n")
    assert await users.identify("ann", "sesame")
    (tmp_path / "users").write_text(f"ann:{hashed('barley')}\n#\n")
    clock.advance(CREDENTIAL_FILE_SECONDS)
    assert await users.identify("ann", "sesame") is None
    assert await users.identify("ann", "barley")


@pytest.mark.parametrize("broken", ["ann:plain\n", None])
async def test_a_file_that_cannot_be_used_lets_nobody_in(opened, clock, tmp_path, broken):
    users = opened(ANN + "\n")
    assert await users.identify("ann", "sesame")
    (tmp_path / "users").write_text(broken) if broken else (tmp_path / "users").unlink()
    clock.advance(CREDENTIAL_FILE_SECONDS)
    with pytest.raises(AuthenticationUnavailable):
        await users.identify("ann", "sesame")


async def test_a_password_is_checked_once_for_all_who_show_it_at_once(opened, clock, monkeypatch):
    checked = []
    users = opened(ANN + "\n")
    real = bcrypt.checkpw
    monkeypatch.setattr("bcrypt.checkpw", lambda *given: checked.append(1) or real(*given))
    await asyncio.gather(*(users.identify("ann", "sesame") for _ in range(8)))
    await users.identify("ann", "sesame")
    assert len(checked) == 1
    clock.advance(PASSWORD_SECONDS)
    await users.identify("ann", "sesame")
    assert len(checked) == 2


async def test_a_flood_of_wrong_passwords_is_bounded(opened, monkeypatch):
    users = opened(ANN + "\n")
    monkeypatch.setattr("sealgate.adapters.auth.htpasswd.PASSWORDS_WAITING", 4)
    found = await asyncio.gather(*(users.identify("ann", f"{n}") for n in range(40)), return_exceptions=True)
    assert sum(isinstance(one, AuthenticationUnavailable) for one in found) >= 30


async def test_b37_an_unknown_user_costs_what_a_known_one_does(opened, monkeypatch):
    """Both are one bcrypt of the same cost: asserted on the hashes that are tried, not on a clock."""
    users = opened(ANN + "\n")
    tried = []
    real = bcrypt.checkpw
    monkeypatch.setattr("bcrypt.checkpw", lambda secret, against: tried.append(against[:7]) or real(secret, against))
    await users.identify("ann", "wrong")
    await users.identify("eve", "wrong")
    await users.identify("ann", "x" * 100)
    assert tried == [b"$2b$04$"] * 3
