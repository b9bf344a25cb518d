"""What is wrong with files, as an exception that shows each problem at its place."""

from collections.abc import Iterable

from sealgate.errors import ConfigurationInvalid
from sealgate.policy.problems import Problem


def refusal(problems: Iterable[Problem]) -> ConfigurationInvalid:
    """An exception that shows each of these problems."""
    return ConfigurationInvalid(*(problem.shown() for problem in problems))
