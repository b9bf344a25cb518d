"""A private Sigstore in memory: real keys, certificates, logs and signatures, for which only its own root vouches.

    sigstore = PrivateSigstore(now=datetime(2026, 1, 15, tzinfo=UTC))
    signer = sigstore.keyless(identity="dev@example.com", issuer="https://accounts.example.com")
    signature = bundle_object(sigstore.bundle(image.digest, signer), image)          # as cosign 3
    signature = simple_signing_object(image.digest, [sigstore.simple_signature(image.digest, signer)])  # as cosign 2

A managed key signs in the place of `signer`: `SigningKey.generate("ecdsa-p256")`. Everything a method returns is JSON
or bytes that a test may edit before it uses it. Other parts come by `with_parts`: a `RekorV2Log`, several logs, an
authority whose `valid_for` has ended.
"""

from sealgate.testing.sigstore.authority import CertificateAuthority as CertificateAuthority
from sealgate.testing.sigstore.ct_log import CtLog as CtLog
from sealgate.testing.sigstore.encoding import without_defaults as without_defaults
from sealgate.testing.sigstore.keys import SigningKey as SigningKey
from sealgate.testing.sigstore.oci_objects import OciObject as OciObject
from sealgate.testing.sigstore.oci_objects import attestation_object as attestation_object
from sealgate.testing.sigstore.oci_objects import bundle_object as bundle_object
from sealgate.testing.sigstore.oci_objects import fallback_index as fallback_index
from sealgate.testing.sigstore.oci_objects import simple_signing_object as simple_signing_object
from sealgate.testing.sigstore.private import PrivateSigstore as PrivateSigstore
from sealgate.testing.sigstore.rekor_v2 import RekorV2Log as RekorV2Log
from sealgate.testing.sigstore.signed_note import Witness as Witness
from sealgate.testing.sigstore.signing import CertifiedKey as CertifiedKey
from sealgate.testing.sigstore.signing import SimpleSignature as SimpleSignature
from sealgate.testing.sigstore.signing import as_version as as_version
from sealgate.testing.sigstore.time_range import TimeRange as TimeRange
from sealgate.testing.sigstore.timestamps import TimestampAuthority as TimestampAuthority
from sealgate.testing.sigstore.transparency_log import TransparencyLog as TransparencyLog
