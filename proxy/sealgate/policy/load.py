"""Policies from files: everything that is wrong is told at once, and one bad file refuses the whole set.

Three readings: YAML with one meaning (`strict_yaml`), the published schema (`schema`), and what a schema cannot say
(`build`, `build_rule`). Each looks at all that the one before it did not refuse.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import POLICY_FILES
from sealgate.oci.naming import Names
from sealgate.policy import schema, strict_yaml
from sealgate.policy.build import Built, build
from sealgate.policy.lint import warnings
from sealgate.policy.model import Policy, PolicySet, Unmatched
from sealgate.policy.problems import Problem
from sealgate.policy.sources import Holding as Holding
from sealgate.policy.sources import RingKey as RingKey
from sealgate.policy.sources import Sources as Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What came of loading.

    Args:
        policies: those in force, when there is no error.
        disabled: names of policies that are as if they were not there.
        problems: errors and warnings, in the order of files and lines.
        names: the registries behind the gate; None where they are not known.
    """

    policies: tuple[Policy, ...] = ()
    disabled: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    names: Names | None = None

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that refuse the set."""
        return tuple(problem for problem in self.problems if problem.error)

    def policy_set(self, unmatched: Unmatched) -> PolicySet:
        """The set, whole.

        Raises:
            ConfigurationInvalid: there is an error in any of the files; it holds every one of them.
        """
        if self.errors:
            raise ConfigurationInvalid(*(str(problem) for problem in self.errors))
        return PolicySet(policies=self.policies, unmatched=unmatched, names=self.names)


def load(policy_files: Sequence[tuple[str, bytes]], sources: Sources) -> Loaded:
    """Read policies.

    Args:
        policy_files: name and content of each.
        sources: keys, and files that policies name.
    """
    if not policy_files or len(policy_files) > POLICY_FILES:
        told = f"more than {POLICY_FILES} policy files" if policy_files else "there is no policy file"
        return Loaded(problems=(Problem(file="policies", text=told),))
    documents: list[strict_yaml.Document] = []
    made: list[Built] = []
    names: dict[str, str] = {}
    for file, raw in policy_files:
        document = strict_yaml.read(file, raw)
        schema.check(document, "policy")
        _check_name(document, names)
        documents.append(document)
        if (built := build(document, sources)) is not None:
            made.append(built)
    problems = [problem for document in documents for problem in sorted(document.problems)]
    if problems:
        return Loaded(problems=tuple(problems))
    in_force = [built for built in made if not built.disabled]
    return Loaded(
        policies=tuple(built.policy for built in in_force),
        disabled=tuple(built.policy.name for built in made if built.disabled),
        problems=tuple(warnings(in_force, sources.names)),
        names=sources.names,
    )


def _check_name(document: strict_yaml.Document, names: dict[str, str]) -> None:
    """No two files have a policy of one name, whatever else is wrong with them."""
    name = document.data.get("name") if isinstance(document.data, dict) else None
    if not isinstance(name, str):
        return
    if name in names:
        document.refuse(("name",), f"{name} is the name of the policy in {names[name]} too", "names are unique")
    names.setdefault(name, document.file)
