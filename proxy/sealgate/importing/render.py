"""Policies as the YAML that people go on with: what was lost stands above as comments."""

from collections.abc import Iterable

import yaml

from sealgate.importing.made import Data, Loss


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - our own reader refuses aliases
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def render(data: Data, losses: Iterable[Loss]) -> str:
    """One policy file."""
    told = [f"# NOT THE SAME: {loss}\n" if loss.weaker else f"# differs: {loss}\n" for loss in losses]
    body = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=False, width=1000)
    return "".join(told) + body
