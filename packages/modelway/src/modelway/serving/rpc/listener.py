"""The gRPC side of one worker: it shares the port with the other workers, and its loop with HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from modelway.protos import open_inference
from modelway.serving.model_app import ModelApp
from modelway.serving.rpc.service import SERVICE, Call, UnaryCalls, guarded
from modelway.serving.rpc.stream import InferStream
from modelway.serving.settings import TlsFiles

MAX_STREAMS = 1024
"""Calls at a time over one connection."""
MAX_METADATA_BYTES = 16 * 1024
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class RpcListener:
    """Answers the protocol's calls, health and reflection.

    Args:
        app: What this worker serves.
    """

    def __init__(self, app: ModelApp) -> None:
        self._app = app
        self._calls = UnaryCalls(app)
        asynchronous: Any = vars(health)["aio"]  # which its types leave out
        self._health: Any = asynchronous.HealthServicer()
        self._server = grpc.aio.server(
            options=(
                ("grpc.so_reuseport", 1),
                ("grpc.max_receive_message_length", app.settings.max_body_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_concurrent_streams", MAX_STREAMS),
                ("grpc.max_metadata_size", MAX_METADATA_BYTES),
                ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
            )
        )

    async def start(self, host: str, port: int) -> None:
        """Listen; the model need not be loaded."""
        calls = self._calls
        unary = {
            "ServerLive": calls.live,
            "ServerReady": calls.server_ready,
            "ModelReady": calls.model_ready,
            "ServerMetadata": calls.server_metadata,
            "ModelMetadata": calls.model_metadata,
            "ModelInfer": calls.infer,
            "RepositoryIndex": calls.index,
        }
        handlers: dict[str, Any] = {
            name: grpc.unary_unary_rpc_method_handler(guarded(self._app, call)) for name, call in unary.items()
        }
        handlers["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(self._stream)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        add_health: Any = vars(health_pb2_grpc)["add_HealthServicer_to_server"]
        add_health(self._health, self._server)
        pool = DescriptorPool()
        for each in (open_inference, health_pb2, reflection_pb2):
            pool.AddSerializedFile(each.DESCRIPTOR.serialized_pb)
        names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server, pool)
        await self._set_health(_NOT_SERVING)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if self._app.settings.tls is None:
            self._server.add_insecure_port(address)
        else:
            self._server.add_secure_port(address, _credentials(self._app.settings.tls))
        await self._server.start()

    async def open(self) -> None:
        """The model answers: say so to who watches."""
        await self._set_health(_SERVING)

    async def leave(self) -> None:
        """No more calls are wanted, though those that come are answered."""
        await self._set_health(_NOT_SERVING)

    async def drain(self, seconds: float) -> None:
        """Take no more calls and end those under way, at the latest after `seconds`."""
        await self._server.stop(seconds)

    async def _set_health(self, status: "health_pb2.HealthCheckResponse.ServingStatus.ValueType") -> None:
        for name in ("", SERVICE):
            await self._health.set(name, status)

    async def _stream(self, requests: AsyncIterator[bytes], context: Call) -> None:
        await InferStream(self._app, self._calls.caller(context)).run(requests, context)


def _credentials(files: TlsFiles) -> grpc.ServerCredentials:
    certificate = Path(files.certificate).read_bytes()
    key = Path(files.key).read_bytes() if files.key else certificate
    authorities = Path(files.client_ca).read_bytes() if files.client_ca else None
    return grpc.ssl_server_credentials([(key, certificate)], authorities, authorities is not None)
