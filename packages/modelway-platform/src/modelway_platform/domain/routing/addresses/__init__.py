"""By which addresses a model is called: URLs that a Route publishes, and names it gives to versions."""
