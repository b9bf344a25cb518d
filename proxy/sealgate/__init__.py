"""sealgate: an admission proxy for OCI registries.

Read `docs/architecture.md` first. Imports go one way; `pyproject.toml` holds the contract that CI checks.
"""

from importlib.metadata import version

__version__ = version("sealgate")
