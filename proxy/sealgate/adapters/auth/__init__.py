"""Who a client of the gate is: passwords, tokens of an issuer, certificates."""
