"""The timestamp authority's API: RFC 3161 over HTTP (section 3.4)."""

from dataclasses import dataclass

from sealgate.ports import Clock
from sealgate.testing.sigstore import der
from sealgate.testing.sigstore.server.http import Answer, Request, Routes
from sealgate.testing.sigstore.timestamps import HASH_OIDS, TimestampAuthority


@dataclass(frozen=True, slots=True)
class TimestampApi:
    """Stamps the digest that a request names."""

    authority: TimestampAuthority
    clock: Clock

    @property
    def routes(self) -> Routes:
        """What it answers."""
        return {"POST /api/v1/timestamp": self.stamp}

    def stamp(self, request: Request) -> Answer:
        """Answer a `TimeStampReq` (section 2.4.1)."""
        ((_, content),) = der.values(request.body)
        _version, (_, imprint), *rest = der.values(content)
        (_, algorithm), (_, digest) = der.values(imprint)
        (_, oid), *_ = der.values(algorithm)
        nonces = [int.from_bytes(value, "big") for tag, value in rest if tag == der.INTEGER]
        wants_certificates = any(tag == der.BOOLEAN and value != b"\x00" for tag, value in rest)
        (hash_name,) = (name for name, dotted in HASH_OIDS.items() if der.oid(dotted) == der.tlv(der.OID, oid))
        made = self.authority.stamp_digest(
            digest,
            self.clock.now(),
            hash_name=hash_name,
            nonce=nonces[0] if nonces else None,
            certificates=self.authority.chain[:1] if wants_certificates else (),
        )
        return Answer(status=201, body=made, media_type="application/timestamp-reply")
