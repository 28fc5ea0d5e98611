"""Whose packages may be deployed: signatures checked against the keys that each project trusts."""
