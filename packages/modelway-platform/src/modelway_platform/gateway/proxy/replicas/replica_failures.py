"""What a caller is told, over HTTP and gRPC alike, of a replica that gave no answer."""

from modelway_platform.gateway.proxy.admission import Refusal

OVERDUE = Refusal(
    status=504,
    code="deadline_exceeded",
    message="the model did not answer in the route's time",
    hint="raise timeoutSeconds in the Route, or see what takes so long with: modelway logs PROJECT/MODEL --source server",
)
BROKEN_OFF = Refusal(
    status=502,
    code="replica_failed",
    message="the replica closed the connection before it answered",
    hint="see its output with: modelway logs PROJECT/MODEL --source server; declare the Route idempotent to have such requests sent again",
)
