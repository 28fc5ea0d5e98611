"""Why a package cannot be started, as a condition of its deployment."""

from modelway.errors import ModelwayError


class PreparationError(ModelwayError):
    """A step before the first replica failed.

    Args:
        reason: The condition's reason; one starting with `Package` is about the package, others about its environment.
        message: What, why and what to do, for the condition.
        lasting: Whether trying again without a change would be useless.
    """

    code = "invalid_package"

    def __init__(self, reason: str, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.lasting = lasting
