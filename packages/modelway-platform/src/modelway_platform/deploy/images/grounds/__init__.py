"""What a package asks to have below it in its image, beside a base: Debian packages, and the steps of its Dockerfile."""
