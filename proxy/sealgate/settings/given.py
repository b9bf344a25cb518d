"""What was said, and by whom: the file, a variable or a flag. Problems are told where the value came from."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from sealgate.limits import PROBLEM_CHARACTERS
from sealgate.oci.wire import printable
from sealgate.policy import strict_yaml
from sealgate.policy.problems import Problem, did_you_mean
from sealgate.settings.model import Overrides
from sealgate.settings.network import origin_of

_PREFIX: Final = "SEALGATE_"


@dataclass(frozen=True, slots=True)
class _Said:
    """The value, what its relative paths are relative to, and the flag or variable, if it is not in the file."""

    value: Any
    folder: Path
    source: str = ""


class Given:
    """All that was said.

    Args:
        document: the file, already checked against the schema.
        folder: what relative paths of the file are relative to.
    """

    def __init__(self, document: strict_yaml.Document, folder: Path) -> None:
        self._document = document
        self._said = {name: _Said(value, folder) for name, value in document.fitting(()).items()}
        self._problems: list[Problem] = []  # of flags and variables

    def override(self, flags: Overrides, variables: Mapping[str, str]) -> None:
        """Take what variables say over the file, and what flags say over both."""
        self._override({name: variables.get(_PREFIX + name.upper(), "") for name in _names()}, variable=True)
        self._override({name: getattr(flags, name) for name in _names()}, variable=False)
        self._check_variables(variables)

    def value(self, name: str, default: Any) -> Any:
        """A field of the settings."""
        return self._said[name].value if name in self._said else default

    def secret(self, name: str) -> bool:
        """Whether a field was given where secrets may be: in a variable, and not in the file or as a flag."""
        return name in self._said and self._said[name].source.startswith(_PREFIX)

    def path(self, name: str, text: str) -> Path:
        """A path that a field, or something in it, names."""
        return self._said[name].folder / text

    def origin(self, path: tuple[str | int, ...], text: str) -> str:
        """An origin, put together again from its parts; "" for ""."""
        if text and not origin_of(text):
            hint = "as in https://registry.example:5000: no path, no credentials, nothing after it"
            shown = "what is given" if "@" in text else text  # it may hold a password
            self.refuse(path, f"{shown} is not the origin of a server", hint)
        return origin_of(text)

    def refuse(self, path: tuple[str | int, ...], text: str, hint: str = "") -> None:
        """Note a problem with a value.

        Args:
            path: where in the settings; () is all of them.
            text: what is wrong.
            hint: what to do.
        """
        source = self._said[str(path[0])].source if path and path[0] in self._said else ""
        if source:
            self._problems.append(Problem(file=source, text=printable(text, PROBLEM_CHARACTERS), hint=hint))
        else:
            self._document.refuse(path, text, hint)

    def refuse_unseen(self, name: str, text: str, hint: str) -> None:
        """As `refuse`, of a field whose value nobody is to read in a message, nor the line that it is in."""
        source = self._said[name].source
        place = source or f"{self._document.file}: {name}"
        self._problems.append(Problem(file=place, text=text, hint=hint))

    @property
    def whole(self) -> bool:
        """Whether all of the file fits the schema, so that what is missing was left out and not dropped."""
        return self._document.all_fit(())

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem noted so far."""
        return (*sorted(self._document.problems), *self._problems)

    def _override(self, values: Mapping[str, Any], *, variable: bool) -> None:
        for name, value in values.items():
            if not value:
                continue
            source = _PREFIX + name.upper() if variable else "--" + name.replace("_", "-")
            match name:
                case "upstream":
                    self._said["upstreams"] = _Said([{"name": "default", "url": value}], Path(), source)
                case "policies":
                    paths = [path for path in value.split(":") if path] if variable else list(value)
                    self._said["policies"] = _Said(paths, Path(), source)
                case _:
                    self._said[name] = _Said(value, Path(), source)

    def _check_variables(self, variables: Mapping[str, str]) -> None:
        """Refuse a variable that is nearly one of ours. Others are not: Kubernetes sets `SEALGATE_SERVICE_HOST`."""
        known = {name.upper() for name in _names()}
        for name in sorted(variables):
            word = name.removeprefix(_PREFIX)
            if word != name and word not in known and (hint := did_you_mean(word, known, cutoff=0.85)):
                hint = hint.replace("did you mean ", f"did you mean {_PREFIX}")
                self._problems.append(Problem(file=name, text="there is no such variable", hint=hint))


def _names() -> list[str]:
    return [each.name for each in fields(Overrides)]
