"""Why a package cannot be started, as a condition of its deployment."""

from math import inf

from modelway.errors import ModelwayError


class PreparationError(ModelwayError):
    """A step before the first replica failed.

    Args:
        reason: The condition's reason; one starting with `Package` is about the package, others about its environment.
        message: What, why and what to do, for the condition.
        lasting: Whether trying again without a change would be useless.
        within: At the latest after so many seconds it is tried again, where what failed may come back by itself.
    """

    code = "invalid_package"

    def __init__(self, reason: str, message: str, *, lasting: bool = False, within: float = inf) -> None:
        super().__init__(message)
        self.reason = reason
        self.lasting = lasting
        self.within = within
