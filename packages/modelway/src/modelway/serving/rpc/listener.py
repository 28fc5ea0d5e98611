"""The gRPC side of one worker: it shares the port with the other workers, and its loop with HTTP."""

from pathlib import Path

from modelway.http1 import Listener
from modelway.http1.tls import server_context
from modelway.http2 import Limits, listen
from modelway.rpc import health
from modelway.rpc.call import Methods
from modelway.rpc.connection import RpcConnection
from modelway.rpc.health import Health
from modelway.serving.model_app import ModelApp
from modelway.serving.rpc import reflection
from modelway.serving.rpc.reflection import Reflection
from modelway.serving.rpc.service import SERVICE, UnaryCalls
from modelway.serving.rpc.stream import InferStream

MAX_METADATA_BYTES = 40 * 1024
"""As much as a gateway takes from its callers, and what it adds: who calls, and which payloads are written."""


class RpcListener:
    """Answers the protocol's calls, health and reflection.

    Args:
        app: What this worker serves.
    """

    def __init__(self, app: ModelApp) -> None:
        self._app = app
        self._health = Health(("", SERVICE))
        self._listener: Listener | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen.

        Raises:
            OSError: The address cannot be bound.
        """
        settings = self._app.settings
        context = None
        if settings.tls is not None:
            files = settings.tls
            client_ca = Path(files.client_ca) if files.client_ca else None
            context = server_context(Path(files.certificate), Path(files.key or files.certificate), client_ca)
        methods = self._methods()
        limit = settings.max_body_bytes
        self._listener = await listen(
            lambda listener: RpcConnection(listener, methods),
            host=host,
            port=port,
            limits=Limits(
                max_body_bytes=limit,
                max_reserved_bytes=2 * limit,
                max_list_bytes=MAX_METADATA_BYTES,
                max_block_bytes=2 * MAX_METADATA_BYTES,
            ),
            context=context,
        )

    def open(self) -> None:
        """The model answers: say so to who watches."""
        self._health.set_serving(serving=True)

    def serve(self, *, serving: bool) -> None:
        """Whether the model answers has changed while this listens."""
        self._health.set_serving(serving=serving)

    def leave(self) -> None:
        """No more calls are wanted, though those that come are answered."""
        self._health.set_serving(serving=False)

    async def drain(self, seconds: float) -> None:
        """Take no more calls and end those under way, at the latest after `seconds`."""
        self._health.end()
        await self.close(seconds)

    async def close(self, seconds: float = 0.0) -> None:
        """End without a word to who watches."""
        if self._listener is not None:
            await self._listener.drain(seconds)

    def _methods(self) -> Methods:
        app = self._app
        reflected = Reflection((SERVICE, health.SERVICE, *reflection.SERVICES))
        unary = {f"/{SERVICE}/{name}".encode(): call for name, call in UnaryCalls(app).by_name.items()}
        unary[f"/{health.SERVICE}/Check".encode()] = self._health.check
        return Methods(
            unary=unary,
            conversations={
                f"/{SERVICE}/ModelStreamInfer".encode(): lambda call: InferStream(app, call),
                f"/{health.SERVICE}/Watch".encode(): self._health.watch,
                **{f"/{name}/ServerReflectionInfo".encode(): reflected.converse for name in reflection.SERVICES},
            },
            message_limit=app.settings.max_body_bytes,
            broken=app.answer_failed,
            choose_id=app.request_ids.choose,
        )
