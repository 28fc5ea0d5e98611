"""The control API over gRPC: every method of the schema, health and reflection, by the same dispatch as over REST."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, cast

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.authentication import Authentication
from modelway_platform.deploy.api.call import Call
from modelway_platform.deploy.api.dispatch import Dispatch
from modelway_platform.deploy.api.messages.grpc_messages import answer_message, error_metadata
from modelway_platform.deploy.api.messages.methods import Method, service_names
from modelway_platform.deploy.api.wire.failures import as_refusal
from modelway_platform.deploy.api.wire.frontier import request_id_of

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
REQUEST_ID = "x-request-id"
_OPTIONS = (("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.max_send_message_length", -1))
Context = grpc.aio.ServicerContext[Any, Any]


class GrpcServer:
    """Listens at a port of its own.

    Args:
        dispatch: Who answers.
        authentication: Knows whose secret it is.
    """

    def __init__(self, dispatch: Dispatch, authentication: Authentication) -> None:
        self._dispatch = dispatch
        self._authentication = authentication
        asynchronous: Any = vars(health)["aio"]  # which its types leave out
        self._health: Any = asynchronous.HealthServicer()
        self._server = grpc.aio.server(options=_OPTIONS)

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which is a free one where 0 was given."""
        for service in service_names():
            handlers = {
                each.short_name: self._handler(each) for each in self._dispatch.methods if each.service == service
            }
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        add_health: Any = vars(health_pb2_grpc)["add_HealthServicer_to_server"]
        add_health(self._health, self._server)
        names = (*service_names(), health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server, descriptor_pool.Default())
        for name in ("", *service_names()):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        bound = self._server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        await self._server.start()
        return bound

    async def stop(self, seconds: float) -> None:
        """Take no more calls and end those under way, at the latest after `seconds`."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(seconds)

    def _handler(self, method: Method) -> Any:
        makers: Any = grpc  # its types know no handlers of octets
        if method.streams_answers:
            return makers.unary_stream_rpc_method_handler(self._streaming(method))
        if method.streams_requests:
            return makers.stream_unary_rpc_method_handler(self._gathering(method))
        return makers.unary_unary_rpc_method_handler(self._unary(method))

    def _unary(self, method: Method) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def answer(body: bytes, context: Context) -> bytes:
            return await self._guarded(context, lambda call: self._one(method, _message(method, body), call))

        return answer

    def _gathering(self, method: Method) -> Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]:
        async def answer(bodies: AsyncIterator[bytes], context: Context) -> bytes:
            messages = (_message(method, body) async for body in bodies)
            return await self._guarded(context, lambda call: self._one(method, messages, call))

        return answer

    def _streaming(self, method: Method) -> Callable[[bytes, Context], AsyncIterator[bytes]]:
        async def answer(body: bytes, context: Context) -> AsyncIterator[bytes]:
            request_id = _request_id(context)
            call = None
            try:
                call = await self._call(context, request_id)
                values: Any = self._dispatch.stream(method, _message(method, body), call)
                async with aclosing(values) as source:
                    async for value in source:
                        if value is not None:
                            yield await asyncio.to_thread(_written, method, value)
            except Exception as error:  # noqa: BLE001 - the edge: everything becomes a status
                await _refuse(context, error, request_id)
            finally:
                if call is not None:
                    call.left.set()

        return answer

    async def _guarded(self, context: Context, answer: Callable[[Call], Awaitable[bytes]]) -> bytes:
        request_id = _request_id(context)
        call = None
        try:
            call = await self._call(context, request_id)
            context.set_trailing_metadata(((REQUEST_ID, request_id),))
            return await answer(call)
        except Exception as error:
            await _refuse(context, error, request_id)
            raise  # never: to refuse ends the call
        finally:
            if call is not None:
                call.left.set()

    async def _one(self, method: Method, request: Any, call: Call) -> bytes:
        value = await self._dispatch.answer(method, request, call)
        return await asyncio.to_thread(_written, method, value)

    async def _call(self, context: Context, request_id: str) -> Call:
        authorization = _metadata(context).get("authorization", "").encode("utf-8", "replace")
        caller = await asyncio.to_thread(self._authentication.caller_of, authorization)
        return Call(caller=caller, request_id=request_id, origin=origin_of(context.peer()), transport="grpc")


def origin_of(peer: str) -> str:
    """`127.0.0.1` for `ipv4:127.0.0.1:4711`, `::1` for `ipv6:%5B::1%5D:4711`."""
    kind, _, address = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return peer[:100]
    return address.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")


async def _refuse(context: Context, error: Exception, request_id: str) -> None:
    refusal = as_refusal(error, request_id)
    status, text, metadata = error_metadata(refusal, request_id)
    await context.abort(status, text, metadata)


def _written(method: Method, value: Any) -> bytes:
    return answer_message(method, value).SerializeToString()


def _message(method: Method, body: bytes) -> Message:
    try:
        return method.request_class.FromString(body)
    except DecodeError:
        raise InvalidRequestError(
            f"the message is no {method.descriptor.input_type.name}",
            hint="see proto/modelway/v1, or ask the server's reflection",
        ) from None


def _metadata(context: Context) -> dict[str, str]:
    pairs = cast("Any", context.invocation_metadata()) or ()
    return {str(name): value for name, value in pairs if isinstance(value, str)}


def _request_id(context: Context) -> str:
    return request_id_of(_metadata(context).get(REQUEST_ID, "").encode("latin-1", "replace"))
