"""The edge: requests parsed into types, decisions and errors rendered, bodies relayed."""
