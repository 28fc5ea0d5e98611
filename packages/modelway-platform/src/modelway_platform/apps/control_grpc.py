"""The control API's server for gRPC, in the control process."""

import asyncio

from modelway_platform.deploy.api.authentication import Authentication
from modelway_platform.deploy.api.dispatch import Dispatch

_GRACEFUL_SECONDS = 1.0


async def serve(dispatch: Dispatch, authentication: Authentication, host: str, port: int) -> None:
    """Answers calls until cancelled."""
    from modelway_platform.deploy.api.wire.grpc_server import GrpcServer  # noqa: PLC0415 - grpcio is an extra, and slow to import

    server = GrpcServer(dispatch, authentication)
    await server.start(host, port)
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop(_GRACEFUL_SECONDS)
