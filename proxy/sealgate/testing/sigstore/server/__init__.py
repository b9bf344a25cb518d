"""The private Sigstore over HTTP, for programs that sign: real cosign, sigstore-python."""

from sealgate.testing.sigstore.server.server import SigstoreServer as SigstoreServer
