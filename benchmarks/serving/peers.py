"""Who takes part: how each is installed, started and asked, at its documented settings for throughput on one worker."""

import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.serving.wire import Wire, grpc, instances, octets, open_inference, open_inference_binary, plain, rows

NUMERIC = ("numpy==2.4.6", "scikit-learn==1.7.2", "onnxruntime==1.23.2")
_ENGINE = ("uvloop==0.23.0", "httptools==0.9.0", "orjson==3.12.0")
HANDLERS = {"w1": "Echo", "w2": "Forest", "w3": "Network", "w3b": "Network", "w1g": "EchoTensor", "w3g": "Network"}
OURS = "modelway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One server. Words of `command` may hold `{bin}`, `{port}`, `{grpc}`, `{more}`, `{handler}` and `{folder}`.

    Attributes:
        environment: Name of the virtual environment; several peers may share one.
        requirements: What is installed there, each with its version.
        wires: By workload, how it is asked; it takes no part in others.
        floor: Whether it is no product but what one could be built on.
        variables: Of its processes' environment; may hold `{folder}`, `{more}` and `{last}`.
    """

    name: str
    environment: str
    requirements: tuple[str, ...]
    command: tuple[str, ...]
    wires: Mapping[str, Wire]
    floor: bool = False
    variables: Mapping[str, str] = field(default_factory=dict[str, str])


def _everywhere(path: str) -> dict[str, Wire]:
    """JSON three times, octets once."""
    return {**dict.fromkeys(("w1", "w2", "w3"), plain(path)), "w3b": octets(path)}


_ours_infer: dict[str, Wire] = {each: grpc(HANDLERS[each].lower()) for each in ("w1g", "w3g")}
_model_infer: dict[str, Wire] = dict.fromkeys(("w1g", "w3g"), grpc("model"))
_floor_requirements = ("granian==2.8.7", "uvicorn==0.54.0", "grpcio==1.85.1", "protobuf>=7.35", *_ENGINE)
_granian = (
    *("{bin}/granian", "--interface", "rsgi", "--loop", "uvloop", "--workers", "1", "--no-access-log"),
    *("--log-level", "error", "--host", "127.0.0.1", "--port", "{port}", "floors:rsgi"),
)
_uvicorn = (
    *("{bin}/uvicorn", "--loop", "uvloop", "--http", "httptools", "--lifespan", "off", "--no-access-log"),
    *("--log-level", "error", "--host", "127.0.0.1", "--port", "{port}", "floors:asgi"),
)
_ray_requirements = ("ray[serve]==2.60.0",)
_RAY = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}
_infer = "/v2/models/model/infer"

PEERS = (
    Peer(
        name=OURS,
        environment=OURS,
        requirements=(),
        command=("{bin}/modelway", "serve", "modelway_handlers:{handler}", "--port", "{port}", "--grpc-port", "{grpc}"),
        wires={**_everywhere("/predict"), **_ours_infer},
    ),
    Peer(
        name="granian",
        environment="floors",
        requirements=_floor_requirements,
        command=_granian,
        wires=_everywhere("/"),
        floor=True,
    ),
    Peer(
        name="uvicorn",
        environment="floors",
        requirements=_floor_requirements,
        command=_uvicorn,
        wires=_everywhere("/"),
        floor=True,
    ),
    Peer(
        name="grpcio",
        environment="floors",
        requirements=_floor_requirements,
        command=("{bin}/python", "grpcio_server.py"),
        wires=_model_infer,
        floor=True,
    ),
    Peer(
        name="mosec",
        environment="mosec",
        requirements=("mosec==0.9.8",),
        command=(
            *("{bin}/python", "mosec_server.py", "--address", "127.0.0.1", "--port", "{port}"),
            *("--capacity", "4096", "--timeout", "10000", "--log-level", "error"),
        ),
        wires=_everywhere("/inference"),
    ),
    Peer(
        name="litserve",
        environment="litserve",
        requirements=("litserve==0.2.19", *_ENGINE[:2]),
        command=("{bin}/python", "litserve_server.py"),
        wires=dict.fromkeys(("w1", "w2", "w3"), plain("/predict", lambda answer: answer["output"])),
    ),
    Peer(
        name="bentoml",
        environment="bentoml",
        requirements=("bentoml==1.4.40", *_ENGINE[:2]),
        command=("{bin}/bentoml", "serve", "bentoml_service:Service", "--host", "127.0.0.1", "--port", "{port}"),
        wires={"w1": plain("/predict"), **dict.fromkeys(("w2", "w3"), rows("/predict"))},
        variables={"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{folder}"},
    ),
    Peer(
        name="mlserver",
        environment="mlserver",
        requirements=("mlserver==1.7.1", "uvloop<0.22"),
        command=("{bin}/mlserver", "start", "{folder}"),
        wires={**dict.fromkeys(("w1", "w2", "w3"), open_inference(_infer)), **_model_infer},
    ),
    Peer(
        name="kserve",
        environment="kserve",
        requirements=("kserve==0.21.0",),
        command=("{bin}/python", "kserve_server.py"),
        wires={
            **dict.fromkeys(("w1", "w2", "w3"), instances("/v1/models/model:predict")),
            "w3b": open_inference_binary(_infer),
            **_model_infer,
        },
    ),
    Peer(
        name="pytriton",
        environment="pytriton",
        requirements=("nvidia-pytriton==0.7.0",),
        command=("{bin}/python", "pytriton_server.py"),
        wires={
            **dict.fromkeys(("w1", "w2", "w3"), open_inference(_infer)),
            "w3b": open_inference_binary(_infer),
            **_model_infer,
        },
        # Its Python stub loads the system's libpython; another build of the interpreter crashes it.
        variables={"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))},
    ),
    Peer(
        name="torchserve",
        environment="torchserve",
        requirements=("torchserve==0.12.0", "torch-model-archiver==0.12.0", "torch==2.13.0", "pyyaml", "setuptools<81"),
        command=(
            *("{bin}/torchserve", "--start", "--foreground", "--disable-token-auth", "--ncs"),
            *("--model-store", "{folder}", "--ts-config", "{folder}/config.properties"),
        ),
        wires=_everywhere("/predictions/model"),
    ),
    Peer(
        name="ray",
        environment="ray",
        requirements=_ray_requirements,
        command=("{bin}/python", "ray_server.py"),
        wires=_everywhere("/predict"),
        variables=_RAY,
    ),
    Peer(  # its documented mode for throughput: HAProxy in front, fewer hops behind
        name="ray_ha",
        environment="ray",
        requirements=_ray_requirements,
        command=("{bin}/python", "ray_server.py"),
        wires=_everywhere("/predict"),
        variables={
            **_RAY,
            "RAY_SERVE_ENABLE_HA_PROXY": "1",
            "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
            "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": "{folder}/haproxy.cfg",
            "RAY_SERVE_HAPROXY_SOCKET_PATH": "{folder}/admin.sock",
            "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": "{folder}",
            "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": "{folder}/state",
            "RAY_SERVE_HAPROXY_METRICS_PORT": "{more}",
            "RAY_SERVE_HAPROXY_STATS_PORT": "{last}",
        },
    ),
    Peer(
        name="flask",
        environment="flask",
        requirements=("flask==3.1.3", "gunicorn==27.0.1"),
        command=(
            *("{bin}/gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", "8", "--keep-alive", "30"),
            *("--log-level", "error", "--bind", "127.0.0.1:{port}", "flask_app:app"),
        ),
        wires=_everywhere("/predict"),
    ),
)
