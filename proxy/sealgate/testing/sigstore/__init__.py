"""A private Sigstore in memory: real keys, certificates, logs and signatures, for which only its own root vouches.

    sigstore = PrivateSigstore(now=datetime(2026, 1, 15, tzinfo=UTC))
    signer = sigstore.keyless(identity="dev@example.com", issuer="https://accounts.example.com")
    signature = bundle_object(sigstore.bundle(image.digest, signer), image)          # as cosign 3
    signature = simple_signing_object(image.digest, [sigstore.simple_signature(image.digest, signer)])  # as cosign 2

A managed key signs in the place of `signer`: `SigningKey.generate("ecdsa-p256")`. Everything a method returns is JSON
or bytes that a test may edit before it uses it.
"""

from sealgate.testing.sigstore.keys import SigningKey as SigningKey
from sealgate.testing.sigstore.oci_objects import OciObject as OciObject
from sealgate.testing.sigstore.oci_objects import bundle_object as bundle_object
from sealgate.testing.sigstore.oci_objects import fallback_index as fallback_index
from sealgate.testing.sigstore.oci_objects import simple_signing_object as simple_signing_object
from sealgate.testing.sigstore.private import PrivateSigstore as PrivateSigstore
from sealgate.testing.sigstore.signing import CertifiedKey as CertifiedKey
from sealgate.testing.sigstore.signing import SimpleSignature as SimpleSignature
