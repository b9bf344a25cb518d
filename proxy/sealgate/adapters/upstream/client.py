"""`ports.Registry` over HTTP (distribution-spec 1.1).

Every URL is built from parsed names, digests and numbers; of a client's headers only its credentials and the media
types it accepts reach the upstream, the latter rebuilt from the types that are known (attacks B12, B29).
"""

from aiohttp.abc import AbstractResolver

from sealgate.adapters.upstream.blobs import BlobCalls
from sealgate.adapters.upstream.listings import ListingCalls
from sealgate.adapters.upstream.manifests import ManifestCalls
from sealgate.adapters.upstream.redirects import Redirects
from sealgate.adapters.upstream.target import Origin
from sealgate.adapters.upstream.tls import TlsContexts, upstream_tls
from sealgate.adapters.upstream.transport import Timeouts, Transport
from sealgate.adapters.upstream.uploads import UploadCalls
from sealgate.errors import ConfigurationInvalid, Malformed
from sealgate.ports import Onward, Took, nobody_asks, nothing_onward


class HttpUpstream(ManifestCalls, ListingCalls, BlobCalls, UploadCalls):
    """One upstream registry. Made inside a running event loop, which it belongs to; `close` it at the end.

    Args:
        name: what the settings call it.
        url: its origin, `http(s)://host[:port]`.
        redirect_hosts: `host` or `host:port` of those that blobs may be redirected to though their addresses are not
            public.
        pass_redirects: whether a blob's redirect to another host is given back rather than followed.
        timeouts: how long things may take.
        resolver: how names are resolved; by the system when None.
        tls: how it is verified; by the system's authorities when None.
        took: told how long it took to answer.
        onward: what it is told about what a request is part of.

    Raises:
        ConfigurationInvalid: `url` is more or less than an origin.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        redirect_hosts: frozenset[str] = frozenset(),
        pass_redirects: bool = False,
        timeouts: Timeouts | None = None,
        resolver: AbstractResolver | None = None,
        tls: TlsContexts | None = None,
        took: Took = nobody_asks,
        onward: Onward = nothing_onward,
    ) -> None:
        try:
            origin = Origin.parse(url)
        except Malformed as error:
            raise ConfigurationInvalid(f"upstream {name}: {error}") from error
        transport = Transport(
            name, origin, redirect_hosts, timeouts or Timeouts(), resolver, tls or upstream_tls(), took, onward
        )
        super().__init__(transport, origin, Redirects(transport, origin, redirect_hosts), pass_redirects=pass_redirects)
        self._name = name

    @property
    def name(self) -> str:
        """What the settings call it."""
        return self._name

    async def close(self) -> None:
        """Close its connections."""
        await self._transport.close()
