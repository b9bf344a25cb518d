"""Facts about an artifact, pure: who signed it, what the log proves, when; and how to read what was signed."""
