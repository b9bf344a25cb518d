"""An in-memory OCI registry over real HTTP on the loopback, which can be scripted to misbehave.

async with MemoryRegistry() as registry:
    digest = registry.add_artifact("production/app", images.oci_image(), tag="1.0.0")
    registry.script("GET /v2/production/app/manifests/1.0.0", Answer(status=429), times=1)
    ...
    assert registry.requests[0].target == "/v2/"
"""

from sealgate.testing.registry.raw import RawServer as RawServer
from sealgate.testing.registry.script import Answer as Answer
from sealgate.testing.registry.script import LoggedRequest as LoggedRequest
from sealgate.testing.registry.server import MemoryRegistry as MemoryRegistry
from sealgate.testing.registry.tokens import TokenServer as TokenServer
