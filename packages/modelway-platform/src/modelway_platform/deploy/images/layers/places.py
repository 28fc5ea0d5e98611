"""Where things lie in an image of ours, and who runs there."""

PREFIX = "opt/modelway"
BASE_PREFIX = "opt/modelway-base"
PACKAGE = f"{PREFIX}/package"
PYTHON = f"/{PREFIX}/bin/python"
HEALTH = f"{PREFIX}/bin/modelway-healthy"
SBOM = f"{PREFIX}/sbom.cdx.json"
HOME = "home/modelway"
USER = 10001
HTTP_PORT = 8080
GRPC_PORT = 8081


def site_packages(python: str) -> str:
    """Where distributions lie, for Python `python` (`3.11`)."""
    return f"{PREFIX}/lib/python{python}/site-packages"


def base_site_packages(python: str) -> str:
    """Where a base image of ours has its framework, for Python `python`."""
    return f"{BASE_PREFIX}/lib/python{python}/site-packages"
