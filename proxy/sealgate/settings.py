"""The settings of one gate: from `sealgate.yaml`, variables and flags, checked whole before anything is built."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import ADMIT_TTL_SECONDS
from sealgate.policy import schema, strict_yaml
from sealgate.policy.model import Unmatched
from sealgate.policy.problems import Problem

_LATER: Final = ("tls", "auth", "access")
_PREFIX: Final = "SEALGATE_"
_PORTS: Final = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """The registry behind the gate: what to call it, and its origin."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """One key of the ring: a PEM file, and what stands after `cosign sign --key`."""

    public_key: Path
    sign_with: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to build.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        public_url: what clients call the gate; "" when nobody said.
        upstream: the registry.
        policies: files and folders.
        unmatched: what happens to a repository that no policy covers.
        trusted_root: a trusted_root.json; None is the public good instance's.
        keys: the key ring, by name.
        state: the SQLite file; None keeps everything in memory.
        decision_log: a file; None is stdout.
        admit_ttl: seconds for which an admission holds at most.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    upstream: UpstreamSettings
    policies: tuple[Path, ...]
    unmatched: Unmatched = Unmatched.DENY
    trusted_root: Path | None = None
    keys: Mapping[str, KeySettings] = field(default_factory=dict)
    state: Path | None = None
    decision_log: Path | None = None
    admit_ttl: float = ADMIT_TTL_SECONDS

    @property
    def called(self) -> str:
        """What messages call the gate: its public URL, or where it listens."""
        return self.public_url or f"http://{_joined(self.host, self.port)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Flags, each as the text a person gave; None where none was given."""

    listen: str | None = None
    public_url: str | None = None
    upstream: str | None = None
    policies: Sequence[str] = ()
    unmatched: str | None = None
    trusted_root: str | None = None
    state: str | None = None
    decision_log: str | None = None


def read_settings(
    file: str, raw: bytes | None, *, flags: Overrides, variables: Mapping[str, str], folder: Path
) -> Settings:
    """Put together what the file, the variables and the flags say; flags win over variables, variables over the file.

    Args:
        file: the file's name, for messages.
        raw: its content; None when there is none.
        flags: the command line's.
        variables: the environment; `SEALGATE_LISTEN`, `SEALGATE_UPSTREAM` and so on, named as the flags are.
        folder: what relative paths of the file are relative to.

    Raises:
        ConfigurationInvalid: with every problem that was found.
    """
    document = strict_yaml.read(file, raw) if raw is not None else strict_yaml.Document(file, data={})
    problems = document.problems or schema.check(document, "settings")
    if problems or not isinstance(document.data, dict):
        raise ConfigurationInvalid(*(str(problem) for problem in problems))
    reader = _Reader(document, dict(document.data), folder)
    reader.override(_from_variables(variables))
    reader.override(flags)
    return reader.settings()


def _from_variables(variables: Mapping[str, str]) -> Overrides:
    def given(name: str) -> str | None:
        return variables.get(_PREFIX + name) or None

    return Overrides(
        listen=given("LISTEN"),
        public_url=given("PUBLIC_URL"),
        upstream=given("UPSTREAM"),
        policies=tuple((given("POLICIES") or "").split(":")) if given("POLICIES") else (),
        unmatched=given("UNMATCHED"),
        trusted_root=given("TRUSTED_ROOT"),
        state=given("STATE"),
        decision_log=given("DECISION_LOG"),
    )


class _Reader:
    def __init__(self, document: strict_yaml.Document, data: dict[str, Any], folder: Path) -> None:
        self._document = document
        self._data = data
        self._folder = folder
        self._problems: list[Problem] = []
        self._given: dict[str, Path] = {}  # what relative paths of a field are relative to, where not to the file

    def override(self, given: Overrides) -> None:
        here = Path()
        for name in ("listen", "public_url", "unmatched", "state", "decision_log"):
            if (value := getattr(given, name)) is not None:
                self._data[name] = value
                self._given[name] = here
        if given.upstream is not None:
            self._data["upstreams"] = [{"name": "default", "url": given.upstream}]
        if given.policies:
            self._data["policies"] = list(given.policies)
            self._given["policies"] = here
        if given.trusted_root is not None:
            self._data["trusted_roots"] = {"default": given.trusted_root}
            self._given["trusted_roots"] = here

    def settings(self) -> Settings:
        for name in _LATER:
            if name in self._data:
                self._error((name,), f"{name} is not supported yet")
        host, port = self._listen()
        upstream = self._upstream()
        policies = tuple(self._path("policies", text) for text in self._data.get("policies", ()))
        if not policies:
            self._error((), "no policies are named", "give policies: in the settings, or --policies")
        unmatched = self._data.get("unmatched", "deny")
        if unmatched not in set(Unmatched):
            self._error(("unmatched",), f"{unmatched!r} is not one of deny, warn, admit")
        trusted_root, state, log = self._trusted_root(), self._state(), self._data.get("decision_log", "-")
        public_url = self._public_url()
        if self._problems or upstream is None:
            raise ConfigurationInvalid(*(str(problem) for problem in self._problems))
        return Settings(
            host=host,
            port=port,
            public_url=public_url,
            upstream=upstream,
            policies=policies,
            unmatched=Unmatched(unmatched),
            trusted_root=trusted_root,
            keys={name: self._key(entry) for name, entry in self._data.get("keys", {}).items()},
            state=state,
            decision_log=None if log == "-" else self._path("decision_log", log),
            admit_ttl=float(self._data.get("admit_ttl", ADMIT_TTL_SECONDS)),
        )

    def _listen(self) -> tuple[str, int]:
        text: str = self._data.get("listen", "127.0.0.1:8080")
        host, colon, port = text.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit() and int(port) < _PORTS) or not host:
            self._error(("listen",), f"{text!r} is not HOST:PORT", "as 0.0.0.0:8080 or [::1]:8080")
            return "", 0
        return host.removeprefix("[").removesuffix("]"), int(port)

    def _upstream(self) -> UpstreamSettings | None:
        given = self._data.get("upstreams", ())
        if len(given) != 1:
            text = "more than one upstream is not supported yet" if given else "no upstream is named"
            self._error(("upstreams",), text, "" if given else "give upstreams: in the settings, or --upstream")
            return None
        if "hosts" in given[0]:
            self._error(("upstreams", 0, "hosts"), "hosts is not supported yet")
        url = self._origin(("upstreams", 0, "url"), given[0]["url"])
        return UpstreamSettings(name=given[0]["name"], url=url) if url else None

    def _public_url(self) -> str:
        return self._origin(("public_url",), self._data["public_url"]) if "public_url" in self._data else ""

    def _origin(self, path: tuple[str | int, ...], text: str) -> str:
        parts = urlsplit(text)
        try:
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            good = False
        rest = parts.path.rstrip("/") or parts.query or parts.fragment or parts.username or parts.password
        if not good or rest or text != text.strip() or not text.isascii():
            self._error(path, f"{text!r} is not an origin", "as https://registry.example:5000, and nothing after it")
            return ""
        return text.rstrip("/")

    def _trusted_root(self) -> Path | None:
        roots: Mapping[str, str] = self._data.get("trusted_roots", {})
        for name in sorted(set(roots) - {"default"}):
            self._error(("trusted_roots", name), "a second trusted root is not supported yet", "name one: default")
        text = roots.get("default", "public-good")
        return None if text == "public-good" else self._path("trusted_roots", text)

    def _state(self) -> Path | None:
        text: str = self._data.get("state", "memory")
        if text == "memory":
            return None
        if not text.startswith("sqlite:///") or text == "sqlite:///":
            later = " (postgresql is not supported yet)" if text.startswith("postgresql") else ""
            self._error(("state",), f"{text!r} is neither memory nor sqlite:///path{later}")
            return None
        name = text.removeprefix("sqlite://")  # as SQLAlchemy has it, sqlite:////var is absolute; so is sqlite:///var
        return Path(name.replace("//", "/"))

    def _key(self, entry: str | Mapping[str, str]) -> KeySettings:
        if isinstance(entry, str):
            return KeySettings(public_key=self._path("keys", entry))
        return KeySettings(public_key=self._path("keys", entry["public_key"]), sign_with=entry.get("sign_with", ""))

    def _path(self, name: str, text: str) -> Path:
        return self._given.get(name, self._folder) / text

    def _error(self, path: tuple[str | int, ...], text: str, hint: str = "") -> None:
        self._problems.append(self._document.problem(path, text, hint))


def _joined(host: str, port: int) -> str:
    try:
        wild = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        wild = False
    if wild:
        host = "localhost"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
