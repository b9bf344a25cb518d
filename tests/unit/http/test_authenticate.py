"""The door: whose credentials may go to which upstream, by which way."""

import pytest
from aiohttp.test_utils import make_mocked_request

from sealgate.errors import AuthenticationUnavailable
from sealgate.http.authenticate import Door
from sealgate.http.inbound import access_of, caller_of
from sealgate.http.problem import RequestRejected
from sealgate.http.target import ManifestTarget, Ping
from sealgate.oci.naming import Way
from sealgate.oci.reference import Repository, Tag
from sealgate.policy.identity import NOBODY, Identity

APP = ManifestTarget(Repository("team/app"), Tag("1.0"))


class Knows:
    """An authenticator that says what it is told to."""

    def __init__(self, identity, challenge=None, *, admits_nobody=False):
        self._identity = identity
        self.challenge = challenge
        self.admits_nobody = admits_nobody

    async def identify(self, presented):
        if isinstance(self._identity, Exception):
            raise self._identity
        return self._identity


def request(method: str = "GET", authorization: str | None = "Basic canary"):
    return make_mocked_request(method, "/v2/", {"Authorization": authorization} if authorization else {})


@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize("upstream", ["theirs", "own", None])
async def test_b28_the_one_place_that_says_whose_credentials_pass(way, upstream):
    door, asked = Door(pass_through=frozenset({"theirs"})), request()
    assert access_of(asked).by_gate  # until the door has said so, nothing passes
    await door.enter(asked, Ping(), None, upstream, way)
    access = access_of(asked)
    passes = upstream == "theirs" and way is not Way.PATH
    assert (access.authorization, access.by_gate) == (("Basic canary", False) if passes else (None, True))


@pytest.mark.parametrize(("challenge", "passes"), [("basic", False), ("bearer", False), (None, True)])
async def test_b28_what_is_for_the_gate_is_for_nobody_else(challenge, passes):
    """A certificate is shown beside the header; a password is in it."""
    door = Door(pass_through=frozenset({"theirs"}), authenticator=Knows(Identity(name="ann"), challenge))
    await door.enter(asked := request(), APP, APP.repository, "theirs", Way.DEFAULT)
    assert (access_of(asked).authorization is not None) is passes
    assert caller_of(asked).identity == Identity(name="ann")


@pytest.mark.parametrize(
    ("identity", "challenge", "target", "authorization", "status"),
    [
        (None, "basic", APP, "Basic x", 401),
        (NOBODY, "basic", APP, None, 401),
        (NOBODY, None, APP, None, 403),
        (None, None, APP, None, 403),
        (Identity(name="ann"), "basic", APP, "Basic x", 0),
    ],
)
async def test_who_comes_in(identity, challenge, target, authorization, status):
    door = Door(authenticator=Knows(identity, challenge))
    asked = request(authorization=authorization)
    if not status:
        await door.enter(asked, target, target.repository, "default", Way.DEFAULT)
        return
    with pytest.raises(RequestRejected) as caught:
        await door.enter(asked, target, target.repository, "default", Way.DEFAULT)
    assert caught.value.problem.status == status
    assert caller_of(asked).identity == NOBODY


async def test_who_cannot_be_checked_does_not_come_in():
    door = Door(authenticator=Knows(AuthenticationUnavailable("later"), "basic", admits_nobody=True))
    with pytest.raises(AuthenticationUnavailable):
        await door.enter(request(), APP, APP.repository, "default", Way.DEFAULT)
