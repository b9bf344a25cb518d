"""Whether a text is CEL.

Only what `policy.conditions` found short and shallow gets here, so that it takes milliseconds.
"""

from functools import lru_cache

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import CONDITION_PROGRAMS
from sealgate.oci.wire import printable


@lru_cache(CONDITION_PROGRAMS)
def compile_condition(text: str) -> None:
    """Read a condition; `policy.sources.Sources.compile_condition`.

    Raises:
        ConfigurationInvalid: it is not CEL.
    """
    import cel  # noqa: PLC0415  it brings a command line with it, which takes 0.1 s

    try:
        cel.compile(text)
    except ValueError as bad:
        told = next((line for line in str(bad).splitlines() if "<input>:" in line), str(bad))
        where = told.rpartition("<input>:")[2]
        raise ConfigurationInvalid(f"is not CEL: {printable(where, 200)} (line, column, what)") from bad
