"""Makes the operator that a Cluster document asks for."""

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.operators.port import Operator
from modelway_platform.domain.cluster import Cluster


def make_operator(cluster: Cluster) -> Operator:
    """The operator of a declared cluster.

    Raises:
        InvalidRequestError: This version has none of that kind.
    """
    raise InvalidRequestError(f"cluster {cluster.name}: this version has no operator {cluster.operator!r}")
