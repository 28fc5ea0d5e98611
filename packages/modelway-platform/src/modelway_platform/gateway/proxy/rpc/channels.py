"""Channels to replicas, one per replica and worker, over which all calls go side by side."""

import asyncio
from typing import Any

import grpc
import grpc.aio

from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica
from modelway_platform.gateway.proxy.replicas.replica_tls import ReplicaTls

LEAVING_SECONDS = 60.0
MAX_KNOWN_METHODS = 256
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_retries", 0),  # what may be sent twice is decided here
    ("grpc.enable_http_proxy", 0),
)


class Channels:
    """Made when first used; closed after their replica has left the table.

    Args:
        tls: What replicas that speak TLS are shown; None where none does.
    """

    def __init__(self, tls: ReplicaTls | None) -> None:
        self._tls = tls
        self._credentials: grpc.ChannelCredentials | None = None
        self._channels: dict[str, tuple[LiveReplica, Any, dict[tuple[str, bool], Any]]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def method(self, replica: LiveReplica, name: str, *, whole: bool) -> Any:
        """What calls a replica's method, in bytes; with a request that is `whole` in one go.

        Raises:
            OSError: It speaks TLS, and nobody said whom to believe.
        """
        known = self._channels.get(replica.entry.id)
        if known is None or known[0] is not replica:
            self._sweep()
            known = self._channels[replica.entry.id] = (replica, self._open(replica), {})
        methods = known[2]
        found = methods.get((name, whole))
        if found is None:
            if len(methods) >= MAX_KNOWN_METHODS:
                methods.clear()
            channel = known[1]
            found = methods[name, whole] = channel.unary_stream(name) if whole else channel.stream_stream(name)
        return found

    async def close(self) -> None:
        """All of them, now."""
        for _, channel, _ in self._channels.values():
            await channel.close()
        self._channels.clear()

    def _open(self, replica: LiveReplica) -> Any:
        entry = replica.entry
        address = f"[{entry.host}]:{entry.grpc_port}" if ":" in entry.host else f"{entry.host}:{entry.grpc_port}"
        if not entry.secure:
            return grpc.aio.insecure_channel(address, _OPTIONS)
        if self._credentials is None:
            if self._tls is None:
                raise OSError("this gateway was not told whom to believe")
            pair = self._tls.pair
            self._credentials = grpc.ssl_channel_credentials(
                self._tls.authorities.read_bytes(),
                pair.key.read_bytes() if pair is not None else None,
                pair.certificate.read_bytes() if pair is not None else None,
            )
        return grpc.aio.secure_channel(address, self._credentials, _OPTIONS)

    def _sweep(self) -> None:
        for replica_id, (replica, channel, _) in list(self._channels.items()):
            if replica.removed:
                del self._channels[replica_id]
                task = asyncio.get_running_loop().create_task(channel.close(LEAVING_SECONDS))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
