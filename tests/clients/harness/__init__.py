"""Real registries, daemons and clients as processes, for the tests beside this folder."""
