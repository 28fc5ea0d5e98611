"""One answered request as its worker keeps it until it is written: a few numbers, and JSON that was made before.

Making a line of each request at once cost more than choosing its replica (docs/decisions/0076). So the hot path fills in this struct, and many together become
lines in one call of msgspec's encoder; the same structs are what the counters are made of.
"""

from time import perf_counter, time
from typing import TYPE_CHECKING

import msgspec

from modelway_platform.gateway.proxy import reasons

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.admission import Admission
    from modelway_platform.gateway.proxy.exchange import Exchange

Json = msgspec.Raw
"""JSON as it is to stand in the line. The encoder copies it, so one value may bring further members behind its own: `"p","model":"m"`."""
_PROJECT = b'"project":'
_ENDPOINT = b'"endpoint":'
LONGEST_GATEWAY = 128
NOTHING = Json(b'""')
NOBODY = Json(b'"","worker":0')


class AccessRecord(msgspec.Struct, frozen=True, gc=False):
    """The members of the line, in their order.

    Args:
        time: Unix time of the end of the answer.
        request_id: As the caller gave it, or ours.
        project: With model and version behind it.
        endpoint: With all that the head determines behind it: method, path, consumer, reason, key.
        replica: The id of the last one that was tried.
        status: What the caller was answered; 499 when it left before.
        code: The error's stable code; empty on success.
        duration_us: From the head to the end of the answer.
        upstream_us: The part of it since the replica got the request; 0 if none did.
        bytes_in: Of the request's body.
        bytes_out: Of the answer's.
        retries: How often it was sent again.
        client: The caller's address, with the worker's number and the gateway's name behind it.
    """

    time: float
    request_id: str
    project: Json
    endpoint: Json
    replica: Json
    status: int
    code: str
    duration_us: int
    upstream_us: int
    bytes_in: int
    bytes_out: int
    retries: int
    client: Json


def of_version(prefix: bytes) -> Json:
    """`AccessRecord.project` from the members project, model and version."""
    return Json(prefix.removeprefix(_PROJECT))


def worker_members(index: int, gateway: str) -> bytes:
    """The value of the member `worker` of all records of a worker, and behind it the member that names its gateway."""
    return b"%d" % index + (b',"gateway":%b' % msgspec.json.encode(gateway[:LONGEST_GATEWAY]) if gateway else b"")


def of_client(address: str, worker: bytes) -> Json:
    """`AccessRecord.client`; an address has no character that JSON writes in another way, `worker` is of `worker_members`."""
    return Json(b'"%b","worker":%b' % (address.encode(), worker))


def epoch_now() -> float:
    """Unix time at which `perf_counter` was 0; another one when the clock was set meanwhile."""
    return time() - perf_counter()


def of_head(admission: "Admission") -> Json:
    """Made at the first record of a head, for all that have the same."""
    admission.record = _with_key(admission, admission.logged)
    return admission.record


def decided_anew(exchange: "Exchange") -> Json:
    """Of a request that may have been assigned to a version, or sent again."""
    if exchange.assigned is None and not exchange.retries:
        return exchange.admission.record or of_head(exchange.admission)
    return _with_key(exchange.admission, reasons.logged_in_full(exchange))


def unrouted(exchange: "Exchange") -> Json:
    """`AccessRecord.project` where no version was chosen."""
    return of_version(exchange.unrouted_prefix())


def _with_key(admission: "Admission", logged: bytes) -> Json:
    return Json(b'%b,"key":"%b"' % (logged.removeprefix(_ENDPOINT), admission.key_id))
