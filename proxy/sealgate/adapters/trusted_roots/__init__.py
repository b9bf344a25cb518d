"""Trusted roots by name: where each comes from, how it is kept fresh, and the verifier that uses them now."""
