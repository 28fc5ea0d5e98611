"""What a Deployment of Kubernetes says of itself: how many pods it is to have, and why it can make none."""

import msgspec


class _Metadata(msgspec.Struct):
    name: str = ""


class _Spec(msgspec.Struct):
    replicas: int = 1


class _Condition(msgspec.Struct):
    type: str = ""
    status: str = ""
    message: str = ""


class _Status(msgspec.Struct):
    conditions: list[_Condition] | None = None


class WorkloadState(msgspec.Struct):
    """The part of a Deployment that is looked at."""

    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)

    def trouble(self) -> str:
        """Why no pod can be made, such as a quota that is used up; empty where one can."""
        conditions = self.status.conditions or ()
        failing = (each.message for each in conditions if each.type == "ReplicaFailure" and each.status == "True")
        return next(failing, "")
