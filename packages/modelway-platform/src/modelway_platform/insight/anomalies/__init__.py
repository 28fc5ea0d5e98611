"""Watches the platform's own series: judges every model, gathers evidence, tells whoever is to be told."""
