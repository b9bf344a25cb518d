"""The settings of one gate: from `sealgate.yaml`, variables and flags, checked whole before anything is built."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import ADMIT_TTL_MOST_SECONDS, ADMIT_TTL_SECONDS, PROBLEM_CHARACTERS
from sealgate.oci.wire import printable
from sealgate.policy import schema, strict_yaml
from sealgate.policy.model import Unmatched
from sealgate.policy.problems import Problem, did_you_mean

_LATER: Final = ("tls", "auth", "access")
_PREFIX: Final = "SEALGATE_"
_PORTS: Final = 65536
_HOST: Final = r"\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?"
_LISTEN: Final = re.compile(rf"({_HOST}):([0-9]{{1,5}})", re.ASCII | re.IGNORECASE)
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_ORIGIN: Final = re.compile(rf"(https?)://({_HOST})(?::([0-9]{{1,5}}))?/?", re.ASCII | re.IGNORECASE)


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
    admit_ttl: str | None = None


def read_settings(
    file: str, raw: bytes | None, *, flags: Overrides, variables: Mapping[str, str], folder: Path
) -> Settings:
    """Put together what the file, the variables and the flags say; flags win over variables, variables over the file.

    Args:
        file: the file's name, for messages.
        raw: its content; None when there is none.
        flags: the command line's.
        variables: the environment; `SEALGATE_LISTEN`, `SEALGATE_UPSTREAM` and so on, named as the flags are.
        folder: what relative paths of the file are relative to; those of flags and variables, to where it is run.

    Raises:
        ConfigurationInvalid: with every problem that was found.
    """
    document = strict_yaml.read(file, raw) if raw is not None else strict_yaml.Document(file, data={})
    schema.check(document, "settings")
    reader = _Reader(document, folder)
    reader.override({name: variables.get(_PREFIX + name.upper(), "") for name in _names()}, variable=True)
    reader.override({name: getattr(flags, name) for name in _names()}, variable=False)
    reader.check_variables(variables)
    return reader.settings()


def _names() -> list[str]:
    return [each.name for each in fields(Overrides)]


@dataclass(frozen=True, slots=True)
class _Given:
    """What somebody said: the value, what its relative paths are relative to, and where, if not in the file."""

    value: Any
    folder: Path
    source: str = ""


class _Reader:
    def __init__(self, document: strict_yaml.Document, folder: Path) -> None:
        self._document = document
        self._given = {name: _Given(value, folder) for name, value in document.fitting(()).items()}
        self._problems: list[Problem] = []  # of flags and variables

    def override(self, values: Mapping[str, Any], *, variable: bool) -> None:
        """Take what is not empty over what was said before."""
        for name, value in values.items():
            if not value:
                continue
            source = _PREFIX + name.upper() if variable else "--" + name.replace("_", "-")
            match name:
                case "upstream":
                    self._given["upstreams"] = _Given([{"name": "default", "url": value}], Path(), source)
                case "trusted_root":
                    self._given["trusted_roots"] = _Given({"default": value}, Path(), source)
                case "policies":
                    paths = [path for path in value.split(":") if path] if variable else list(value)
                    self._given["policies"] = _Given(paths, Path(), source)
                case _:
                    self._given[name] = _Given(value, Path(), source)

    def check_variables(self, variables: Mapping[str, str]) -> None:
        """Refuse a variable that is nearly one of ours. Others are not: Kubernetes sets `SEALGATE_SERVICE_HOST`."""
        known = {name.upper() for name in _names()}
        for name in sorted(variables):
            word = name.removeprefix(_PREFIX)
            if word != name and word not in known and (hint := did_you_mean(word, known, cutoff=0.85)):
                hint = hint.replace("did you mean ", f"did you mean {_PREFIX}")
                self._problems.append(Problem(file=name, text="there is no such variable", hint=hint))

    def settings(self) -> Settings:
        """All of it, when nothing is wrong."""
        for name in _LATER:
            if name in self._given:
                self._refuse((name,), f"{name} is not supported yet", "leave it out")
        host, port = self._listen()
        upstream = self._upstream()
        policies = tuple(self._path("policies", text) for text in self._value("policies", ()))
        if not policies and self._document.all_fit(()):
            self._refuse((), "no policies are named", "give policies: in the settings, or --policies")
        unmatched = self._unmatched()
        trusted_root, state = self._trusted_root(), self._state()
        log = self._value("decision_log", "-")
        public_url = self._origin(("public_url",), self._value("public_url", ""))
        admit_ttl = self._admit_ttl()
        problems = sorted(self._document.problems) + self._problems
        if problems or upstream is None:
            raise ConfigurationInvalid(*(str(problem) for problem in problems))
        return Settings(
            host=host,
            port=port,
            public_url=public_url,
            upstream=upstream,
            policies=policies,
            unmatched=unmatched,
            trusted_root=trusted_root,
            keys={name: self._key(entry) for name, entry in self._value("keys", {}).items()},
            state=state,
            decision_log=None if log == "-" else self._path("decision_log", log),
            admit_ttl=admit_ttl,
        )

    def _value(self, name: str, default: Any) -> Any:
        return self._given[name].value if name in self._given else default

    def _path(self, name: str, text: str) -> Path:
        return self._given[name].folder / text

    def _listen(self) -> tuple[str, int]:
        text: str = self._value("listen", "127.0.0.1:8080")
        found = _LISTEN.fullmatch(text)
        if found is None or int(found[2]) >= _PORTS or not _is_host(found[1]):
            self._refuse(("listen",), f"{text} is not HOST:PORT", "as in 0.0.0.0:8080 or [::1]:8080")
            return "", 0
        return found[1].removeprefix("[").removesuffix("]"), int(found[2])

    def _upstream(self) -> UpstreamSettings | None:
        given = self._value("upstreams", ())
        if len(given) != 1:
            if given:
                self._refuse(("upstreams",), "more than one upstream is not supported yet", "name one: default")
            elif self._document.all_fit(()):
                self._refuse((), "no upstream is named", "give upstreams: in the settings, or --upstream")
            return None
        if "hosts" in given[0]:
            self._refuse(("upstreams", 0, "hosts"), "hosts is not supported yet", "leave it out")
        if given[0]["name"] != "default":  # its repositories would be called <name>/<repository>
            text = "an upstream with a name of its own is not supported yet"
            self._refuse(("upstreams", 0, "name"), text, "call it default")
        return UpstreamSettings(name=given[0]["name"], url=self._origin(("upstreams", 0, "url"), given[0]["url"]))

    def _origin(self, path: tuple[str | int, ...], text: str) -> str:
        """An origin, put together again from its parts; "" for ""."""
        found = _ORIGIN.fullmatch(text)
        if found is not None and _is_host(found[2]) and (found[3] is None or 0 < int(found[3]) < _PORTS):
            port = f":{int(found[3])}" if found[3] else ""
            return f"{found[1].lower()}://{found[2].lower()}{port}"
        if text:
            hint = "as in https://registry.example:5000: no path, no credentials, nothing after it"
            shown = "what is given" if "@" in text else text  # it may hold a password
            self._refuse(path, f"{shown} is not the origin of a server", hint)
        return ""

    def _unmatched(self) -> Unmatched:
        text: str = self._value("unmatched", "deny")
        if text in set(Unmatched):
            return Unmatched(text)
        self._refuse(("unmatched",), f"{text} is not one of deny, warn, admit", did_you_mean(text, set(Unmatched)))
        return Unmatched.DENY

    def _trusted_root(self) -> Path | None:
        roots: Mapping[str, str] = self._value("trusted_roots", {})
        for name in sorted(set(roots) - {"default"}):
            self._refuse(("trusted_roots", name), "a second trusted root is not supported yet", "name one: default")
        text = roots.get("default", "public-good")
        return None if text == "public-good" else self._path("trusted_roots", text)

    def _state(self) -> Path | None:
        """The SQLite file. What follows `sqlite://` is a path from the root, as the settings' documentation has it."""
        text: str = self._value("state", "memory")
        name = text.removeprefix("sqlite://").lstrip("/")
        if text == "memory":
            return None
        if text.startswith("sqlite:///") and name:
            return Path("/") / name
        later = text.startswith("postgresql")
        told = "postgresql is not supported yet" if later else f"{text} is neither memory nor sqlite:///PATH"
        self._refuse(("state",), told, "as in sqlite:///var/lib/sealgate/state.db")
        return None

    def _admit_ttl(self) -> float:
        text = str(self._value("admit_ttl", int(ADMIT_TTL_SECONDS)))
        if _NUMBER.fullmatch(text) and int(text) <= ADMIT_TTL_MOST_SECONDS:
            return float(text)
        self._refuse(("admit_ttl",), f"{text} is not a number of seconds from 1 to {ADMIT_TTL_MOST_SECONDS}")
        return 0

    def _key(self, entry: str | Mapping[str, str]) -> KeySettings:
        if isinstance(entry, str):
            return KeySettings(public_key=self._path("keys", entry))
        return KeySettings(public_key=self._path("keys", entry["public_key"]), sign_with=entry.get("sign_with", ""))

    def _refuse(self, path: tuple[str | int, ...], text: str, hint: str = "") -> None:
        source = self._given[str(path[0])].source if path and path[0] in self._given else ""
        if source:
            self._problems.append(Problem(file=source, text=printable(text, PROBLEM_CHARACTERS), hint=hint))
        else:
            self._document.refuse(path, text, hint)


def _is_host(text: str) -> bool:
    if not text.startswith("["):
        return True
    try:
        ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        return False
    return True


def _joined(host: str, port: int) -> str:
    try:
        wild = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        wild = False
    if wild:
        host = "localhost"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
