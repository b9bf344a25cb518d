"""Conditions (CEL) and schemas over predicates, evaluated in processes that can be killed."""
