"""The rules, pure: what a policy file says, which policies cover a request, and what follows from the evidence."""
