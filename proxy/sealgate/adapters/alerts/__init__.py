"""Alerts: what waits to be told, how it is said, and the webhooks that are told."""
