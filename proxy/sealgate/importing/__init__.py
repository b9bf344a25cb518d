"""Policies of other gates, in the words of sealgate's; what cannot be said is listed, never dropped.

Pure: bytes come in, documents and losses go out. One module for each format. Fields are *taken* from a `source.Node`,
and what nobody took is a loss by itself, so that a field that this package has never heard of is not passed over.
"""

from sealgate.importing.convert import convert as convert
from sealgate.importing.made import Imported as Imported
from sealgate.importing.made import Loss as Loss
from sealgate.importing.made import Policy as Policy
from sealgate.importing.render import render as render
