"""The nouns of OCI, pure: names, digests, media types, manifests, referrers, and the registry's error body."""
