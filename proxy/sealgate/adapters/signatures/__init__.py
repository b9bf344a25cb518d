"""How a candidate becomes a fact: who signed it, what the log proves, when. The only code that uses sigstore."""
