"""What a model server is told when it starts: read once, then handed on."""

from dataclasses import dataclass, field

from modelway.packaging import Example
from modelway.serving.log_settings import InferenceLogSettings, SendingSettings
from modelway.serving.quarantine_settings import QuarantineSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What to serve.

    Args:
        handler: `module:Class`.
        code: Folder the module is imported from.
        files: What the handler sees as `self.files`.
        name: The model's name, for people.
        version: Its version, for people; may be empty.
        examples: Golden examples; each worker answers them before it is ready.
    """

    handler: str
    code: str
    files: str
    name: str
    version: str = ""
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this replica is to the platform; labels of its metrics. Empty outside a platform."""

    project: str = ""
    model: str = ""
    version: str = ""
    package: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationSettings:
    """Where a replica registers its endpoint.

    Args:
        url: The control API, or `consul://…` for an agent of Consul.
        token: What it registers with.
        replica_id: The endpoint's id.
        ttl_seconds: Length of the lease asked for.
        advertise: The host callers reach it by, where that is not the address it binds.
    """

    url: str
    token: str = field(repr=False)
    replica_id: str
    ttl_seconds: float = 6.0
    advertise: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """HTTPS: paths of PEM files.

    Args:
        certificate: The server's, with the chain behind it.
        key: Its key; may be the same file.
        client_ca: Who signs the certificates callers have to show; empty if they need none.
    """

    certificate: str
    key: str
    client_ca: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """Everything about one model server.

    Args:
        target: What to serve.
        identity: Who it is.
        registration: Where to register; None outside a platform.
        host: Address to bind.
        port: 0 takes a free one.
        grpc_port: The same for gRPC; None: HTTP only.
        grpc_wanted: Whether it is an error that gRPC cannot have its port.
        workers: How many processes, each with its own copy of the model.
        drain_seconds: How long requests under way may take when the server is told to stop.
        queue_size: How many requests may wait per worker.
        max_body_bytes: Longest request body.
        tls: HTTPS instead of HTTP.
        replica: Its id in logs and traces; may be empty.
        inference_log: Where inferences are logged; None without a log.
        sending: Where that log is sent; None where the platform reads it itself, or there is none.
        quarantine: Where inputs are kept that the model failed on; None to keep none.
        tracing: Whether requests are traced, as the environment's `OTEL_…` variables say.
        devices: Where models run: worker by worker, from the start again when there are fewer devices than workers.
        threads: How many threads each copy of the model may use; 0 shares the cores among them.
        model_processes: How many processes of its own the model has per worker; 0: it runs in a thread of the worker.
    """

    target: Target
    identity: Identity = field(default_factory=Identity)
    registration: RegistrationSettings | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    grpc_port: int | None = None
    grpc_wanted: bool = True
    workers: int = 1
    drain_seconds: float = 10.0
    queue_size: int = 1024
    max_body_bytes: int = 64 * 1024 * 1024
    devices: tuple[str, ...] = ("cpu",)
    threads: int = 0
    model_processes: int = 0
    tls: TlsFiles | None = None
    replica: str = ""
    inference_log: InferenceLogSettings | None = None
    sending: SendingSettings | None = None
    quarantine: QuarantineSettings | None = None
    tracing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What the supervisor tells one worker, as JSON over its control socket."""

    target: Target
    identity: Identity
    host: str
    port: int
    index: int
    workers: int
    queue_size: int
    max_body_bytes: int
    board_fd: int
    device: str = "cpu"
    threads: int = 0
    devices: tuple[str, ...] = ("cpu",)
    model_processes: int = 0
    tls: TlsFiles | None = None
    grpc_port: int | None = None
    replica: str = ""
    inference_log: InferenceLogSettings | None = None
    quarantine: QuarantineSettings | None = None
    tracing: bool = False
