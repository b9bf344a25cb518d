"""A small registry client: pushes artifacts and signatures the way real clients do, and shows what it was answered."""

from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from sealgate.oci.digest import Digest
from sealgate.testing.images import Artifact
from sealgate.testing.sigstore import OciObject


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Args:
        status: its HTTP status.
        reason: its reason phrase.
        headers: by lower-case name.
        body: what came, whole.
    """

    status: int
    reason: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class RegistryClient:
    """Talks to one registry, or to a gate in front of one.

    Args:
        url: its origin, e.g. `http://127.0.0.1:5000`.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url.rstrip("/")
        self._session = session

    async def ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """One request, answered as it is: redirects are not followed and nothing is retried."""
        target = URL(path if path.startswith("http") else self._url + path, encoded=True)
        async with self._session.request(method, target, data=body, headers=headers, allow_redirects=False) as got:
            found = {name.lower(): value for name, value in got.headers.items()}
            return Reply(got.status, got.reason or "", found, await got.read())

    async def pull(self, repository: str, reference: str, method: str = "GET") -> Reply:
        """Ask for a manifest, of any type."""
        return await self.ask(method, f"/v2/{repository}/manifests/{reference}", headers={"Accept": "*/*"})

    async def blob(self, repository: str, digest: Digest) -> Reply:
        """Ask for a blob."""
        return await self.ask("GET", f"/v2/{repository}/blobs/{digest}")

    async def push_blob(self, repository: str, content: bytes) -> Reply:
        """Upload a blob whole: a session, then its bytes; the refusal of the session, if it was refused."""
        started = await self.ask("POST", f"/v2/{repository}/blobs/uploads/")
        if started.status != 202:  # distribution-spec 1.1, "Pushing blobs"
            return started
        location = started.headers["location"]
        joined = f"{location}{'&' if '?' in location else '?'}digest={Digest.of(content)}"
        return await self.ask("PUT", joined, body=content, headers={"Content-Type": "application/octet-stream"})

    async def push_manifest(self, repository: str, reference: str, raw: bytes, media_type: str) -> Reply:
        """Put a manifest at a tag or a digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        return await self.ask("PUT", path, body=raw, headers={"Content-Type": media_type})

    async def push(self, repository: str, artifact: Artifact, tag: str | None = None) -> Reply:
        """Push an artifact: blobs, children by digest, then its manifest. The last answer, or the first refusal."""
        for blob in artifact.blobs:
            if (reply := await self.push_blob(repository, blob)).status >= 400:
                return reply
        for child in artifact.children:
            if (reply := await self.push(repository, child)).status >= 400:
                return reply
        return await self.push_manifest(repository, tag or str(artifact.digest), artifact.raw, artifact.media_type)

    async def push_signature(self, repository: str, carrier: OciObject) -> Reply:
        """Push a carrier: its blobs, then its manifest at its tag, or by digest when it has none."""
        for blob in carrier.blobs.values():
            if (reply := await self.push_blob(repository, blob)).status >= 400:
                return reply
        reference = carrier.tag or str(carrier.digest)
        return await self.push_manifest(repository, reference, carrier.manifest, carrier.media_type)
