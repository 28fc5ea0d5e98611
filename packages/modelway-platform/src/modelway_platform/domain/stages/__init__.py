"""Stages of a project, as a document says them."""
