"""The pytest plugin: an in-memory registry, a private Sigstore and a whole gate as fixtures.

It needs `pip install sealgate[testing]`; where that is not installed it offers nothing and harms nobody, since pytest
loads every installed package's plugin.
"""

from importlib.util import find_spec

pytest_plugins = (
    ("sealgate.testing.registry.fixtures", "sealgate.testing.sigstore.fixtures", "sealgate.testing.gate_fixtures")
    if find_spec("pytest_asyncio")
    else ()
)
