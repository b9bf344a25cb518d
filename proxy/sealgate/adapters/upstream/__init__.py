"""The upstream registry, over HTTP."""
