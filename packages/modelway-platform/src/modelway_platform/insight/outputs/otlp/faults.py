"""Which fault a status of gRPC tells of, and what the settings of an OTLP output are called."""

import ssl

import grpc

from modelway_platform.insight.outputs.faults.fault import Fault, Settings
from modelway_platform.insight.outputs.faults.here import reason
from modelway_platform.insight.outputs.faults.texts import fault_in
from modelway_platform.insight.outputs.otlp.target import OtlpTarget
from modelway_platform.insight.outputs.receiver import AwayError

# https://grpc.io/docs/guides/status-codes; what a proxy answers in HTTP becomes one of them, too:
# https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
_CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: Fault.MALFORMED,
    grpc.StatusCode.FAILED_PRECONDITION: Fault.MALFORMED,
    grpc.StatusCode.OUT_OF_RANGE: Fault.MALFORMED,
    grpc.StatusCode.UNAUTHENTICATED: Fault.UNKNOWN_CALLER,
    grpc.StatusCode.PERMISSION_DENIED: Fault.FORBIDDEN,
    grpc.StatusCode.UNIMPLEMENTED: Fault.NO_SUCH_TARGET,
    grpc.StatusCode.NOT_FOUND: Fault.NO_SUCH_TARGET,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Fault.TOO_OFTEN,
    grpc.StatusCode.DEADLINE_EXCEEDED: Fault.SILENT,
    grpc.StatusCode.UNAVAILABLE: Fault.OVERLOADED,
    grpc.StatusCode.ABORTED: Fault.OVERLOADED,
    grpc.StatusCode.CANCELLED: Fault.CLOSED,
    grpc.StatusCode.INTERNAL: Fault.BROKEN,
    grpc.StatusCode.UNKNOWN: Fault.BROKEN,
    grpc.StatusCode.DATA_LOSS: Fault.BROKEN,
}
# What gRPC itself says of a connection that did not come about; a receiver's own words are not looked through.
_OF_CONNECTIONS = ("failed to connect to all addresses", "errors resolving", "dns resolution failed")


def fault_of_code(code: grpc.StatusCode, details: str) -> Fault:
    """What it means for who sends."""
    if code is grpc.StatusCode.UNAVAILABLE:
        flat = details.lower()
        if flat.startswith(_OF_CONNECTIONS):
            return fault_in(details) or Fault.UNREACHABLE
        if flat.startswith(("socket closed", "connection reset", "recvmsg:", "sendmsg:")):
            return Fault.CLOSED
    return _CODES.get(code, Fault.UNUSUAL)


def settings_of(target: OtlpTarget) -> Settings:
    """Names in `outputs.toml`."""
    over_http = target.protocol == "http"
    return Settings(
        place="endpoint in outputs.toml",
        known_by="secret_file or secret_variable of the output",
        trust="name its issuer's certificate as ca_file" if not target.ca_file else "correct ca_file",
        encryption="http:// or https:// in endpoint",
        patience=f"timeout_seconds is {target.seconds:g}",
        target="path" if over_http else "service",
        language=f"OTLP over {'HTTP' if over_http else 'gRPC'}",
    )


def trusted(target: OtlpTarget) -> ssl.SSLContext:
    """By which the receiver's certificate is looked at.

    Raises:
        AwayError: `ca_file` cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=target.ca_file or None)
    except ssl.SSLError:
        why = "it has no PEM certificate"
    except OSError as error:
        why = reason(error)
    raise AwayError(f"ca_file cannot be read: {target.ca_file}: {why}; correct it in outputs.toml")
