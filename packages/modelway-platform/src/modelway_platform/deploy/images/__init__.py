"""From a package to a container image without a daemon: layers, layout, registry."""
