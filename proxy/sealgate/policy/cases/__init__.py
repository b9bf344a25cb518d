"""What policies must decide, in words: `cases.yaml`, judged by the engine that judges requests."""
