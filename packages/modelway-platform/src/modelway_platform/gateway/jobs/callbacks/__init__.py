"""Calls that tell callers of their jobs' ends: where they may go, what they say, until they are taken."""
