"""The only code that talks outward: the upstream registry, sigstore, key files, the state store, clock and logs."""
