"""The use cases: what happens to a pull, a push and an upload. Everything outside is reached through `ports`."""
