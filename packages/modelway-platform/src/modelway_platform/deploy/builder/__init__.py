"""From a package's digest to a folder and an environment a replica can start from."""
