"""Asynchronous requests: how a Route wants them kept and executed, whose turn it is, in whose name they come."""
