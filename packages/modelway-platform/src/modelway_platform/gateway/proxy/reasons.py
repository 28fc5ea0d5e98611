"""Why a request went where it went, as a few words in its access record.

First how the address was understood, if not as `/{project}/{model}`: `url:<pattern>`. Then who chose the version: `weights`,
`pinned`, `alias:<name>`, `experiment:<name>=<arm>` or `sticky:<by>`. Last, if it was sent again: `retried:<replica>,...`, those
that failed it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.admission import Admission
    from modelway_platform.gateway.proxy.exchange import Exchange


def by_head(admission: "Admission") -> bytes:
    """What the head alone decided."""
    pinned = b"pinned" if admission.pinned else b"weights"
    chosen = b"alias:" + admission.alias if admission.alias else pinned
    return b"%b %b" % (admission.via, chosen) if admission.via else chosen


def member(reason: bytes) -> bytes:
    """As the record has it, behind other members."""
    return b',"reason":"%b"' % reason


def in_full(exchange: "Exchange") -> bytes:
    """With what was decided anew: of an assignment, and of replicas that failed."""
    reason = exchange.admission.reason
    if exchange.assigned is not None:
        reason = reason.removesuffix(b"weights") + exchange.assigned.reason
    if not exchange.retries:
        return reason
    return b"%b retried:%b" % (reason, b",".join(each.id_bytes for each in exchange.tried))


def logged_in_full(exchange: "Exchange") -> bytes:
    """The head's members of the record for a request that was assigned to a version, or sent again."""
    admission, assigned = exchange.admission, exchange.assigned
    logged = admission.logged.replace(member(admission.reason), member(in_full(exchange)))
    return logged + assigned.logged if assigned is not None else logged
