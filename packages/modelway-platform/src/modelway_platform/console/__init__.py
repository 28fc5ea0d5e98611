"""The web console: pages, and a server that passes what they ask on to the public APIs with the key of who signed in."""
