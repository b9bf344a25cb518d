"""An in-memory registry and a private Sigstore: worlds for tests, ours and those of our users."""
