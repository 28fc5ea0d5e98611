"""Which fault a library's own text tells of, for those that say it nowhere else: gRPC, librdkafka, OpenSSL, obstore. The text itself goes no further.

The phrases are those of gRPC 1.7x, librdkafka 2.x, OpenSSL 3 and BoringSSL, rustls 0.23 with hyper 1, and of Linux.
"""

from modelway_platform.insight.outputs.faults.fault import Fault

# The first that is found counts: what is more particular comes first. In lower case.
_PHRASES: tuple[tuple[Fault, tuple[str, ...]], ...] = (
    (Fault.CERTIFICATE_TIME, ("certificate has expired", "not yet valid", "certexpired", "invalidcertificate(expired", "notvalidyet")),
    (
        Fault.CERTIFICATE_OF_ANOTHER,
        (
            "hostname verification check failed",
            "hostname mismatch",
            "ip address mismatch",
            "is not valid for",
            "is not in peer certificate",
            "notvalidforname",
        ),
    ),
    (Fault.CERTIFICATE, ("certificate verify failed", "certificate_verify_failed", "unknownissuer", "invalidcertificate", "unable to get local issuer")),
    (Fault.NO_TLS, ("wrong version number", "wrong_version_number", "invalidcontenttype", "invalidmessage", "record layer failure", "packet length too long")),
    (Fault.TLS, ("handshake fail", "tls handshake", "ssl handshake", "alert", "missing selected alpn", "sslv3", "tlsv1")),
    (Fault.NAME_UNKNOWN, ("name or service not known", "failed to resolve", "dns error", "domain name not found", "dns resolution failed", "errors resolving", "temporary failure in name resolution", "no address associated")),
    (Fault.REFUSED, ("connection refused", "connectionrefused")),
    (Fault.UNREACHABLE, ("no route to host", "network is unreachable", "host is unreachable", "networkunreachable", "hostunreachable")),
    (Fault.ANOTHER_LANGUAGE, ("failed parsing http/2", "trying to connect an http1.x server", "hyper::error( parse(", "hyper::error(parse", "invalid http", "received http/0.9")),
    (Fault.SILENT, ("timed out", "timedout", "timeout occurred", "fd shutdown", "deadline exceeded", "kind: timeout")),
    (Fault.CLOSED, ("connection reset", "connectionreset", "disconnected", "broken pipe", "incompletemessage", "socket closed", "connection closed")),
    (Fault.MOVED, ("redirect without location",)),
    (Fault.FULL, ("no space left", "storagefull", "disk quota exceeded")),
)  # fmt: skip


def fault_in(text: str) -> Fault | None:
    """The fault, if the text has a phrase for one."""
    flat = " ".join(text.lower().split())
    return next((fault for fault, phrases in _PHRASES if any(each in flat for each in phrases)), None)
