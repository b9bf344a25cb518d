"""`credentials`, `challenges` and `token_hosts` of an upstream: with whose right it is asked."""

from collections.abc import Mapping
from typing import Any, Final

from sealgate.settings.given import Given
from sealgate.settings.model import UpstreamCredentials
from sealgate.settings.network import host_of

_PASS_THROUGH: Final = "pass-through"  # noqa: S105  what the settings call it
_ANONYMOUS: Final = "anonymous"
_HINT: Final = "pass-through, anonymous, {docker_config: FILE}, or {username: NAME, password_file: FILE}"


def read_upstream_credentials(given: Given, position: int, said: Mapping[str, Any]) -> UpstreamCredentials:
    """What one upstream's settings say of credentials.

    Args:
        given: where problems are noted.
        position: the upstream's, in the list of them.
        said: its settings, already checked against the schema.
    """
    where = ("upstreams", position)
    credentials: str | Mapping[str, str] = said.get("credentials", _PASS_THROUGH)
    relay = said.get("challenges") == "relay"
    if relay and credentials != _PASS_THROUGH:
        told = "there are challenges to relay only where the client's credentials pass through"
        given.refuse((*where, "challenges"), told, "leave it out, or say credentials: pass-through")
    own = credentials if isinstance(credentials, Mapping) else {}
    if own.keys() not in ({"docker_config"}, {"username", "password_file"}) and credentials not in (
        _PASS_THROUGH,
        _ANONYMOUS,
    ):
        given.refuse((*where, "credentials"), "this says not with whose right the upstream is asked", _HINT)
    return UpstreamCredentials(
        pass_through=credentials == _PASS_THROUGH,
        docker_config=given.path("upstreams", own["docker_config"]) if "docker_config" in own else None,
        username=own.get("username", ""),
        password_file=given.path("upstreams", own["password_file"]) if "password_file" in own else None,
        relay_challenges=relay,
        token_hosts=_token_hosts(given, position, said.get("token_hosts", ())),
    )


def _token_hosts(given: Given, position: int, said: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    for number, text in enumerate(said):
        if not host_of(text):
            hint = "as in auth.example.com or auth.example.com:8443"
            given.refuse(("upstreams", position, "token_hosts", number), f"{text} is no host", hint)
    return tuple(host_of(text) for text in said)
