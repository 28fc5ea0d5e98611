"""The section `slurm` of a Cluster document: which queue jobs go to, where nodes find what they run, and for how long."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.parsing.durations import DURATION_RULE, duration_text, seconds_in

AddressKind = Literal["route", "node"]
ADDRESSES: tuple[AddressKind, ...] = ("route", "node")
_PATH = re.compile(r"/[A-Za-z0-9._/+@:=,-]*")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,63}")
_WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,63}(?:,[A-Za-z0-9][A-Za-z0-9_.@+-]{0,63}){0,15}")
_CONSTRAINT = re.compile(r"[A-Za-z0-9_.&|*()\[\]:,-]{1,200}")
_URL = re.compile(r"(?:https?|consul|consuls)://[A-Za-z0-9.\[\]:_-]{1,250}(?:/[A-Za-z0-9._/-]{0,200})?")
SHORTEST_LIMIT = 300.0
LONGEST_LIMIT = 365 * 86400.0
RENEW_BEFORE = 600.0
LOOK = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmSettings:
    """How jobs are run. Slurm's commands and `munge` are on the platform's machine.

    Args:
        folder: A folder that the platform and all nodes see under this path; packages, environments and logs go there.
        conf: Path of `slurm.conf`; empty for Slurm's own way to find it.
        partition: Where jobs queue (several: whichever starts first); empty for the default one.
        account: Who pays; empty for the user's default.
        qos: The quality of service asked for; empty for the default one.
        constraint: Features that a node must have, as `sbatch --constraint` takes them.
        reservation: A reservation that jobs may use.
        gpu_type: What the cluster calls its GPUs: `a100` asks for `gpu:a100:N`; empty for any.
        time_limit: Seconds a job may run; 0 for the partition's own limit.
        renew_before: Seconds before the end of that time at which another replica is started in its place.
        requeue: Whether Slurm puts a job back into its queue when its node fails or it has to make room.
        register: Where replicas register; empty for the platform's own address, which nodes must reach.
        address: By which address of a node callers reach its replicas: that of the `route` to where it registers, or
            what the name of the `node` says.
        python: The interpreter that environments are made of, on all nodes; empty for the platform's own.
        look: Seconds between looks at the queue.
    """

    folder: str = ""
    conf: str = ""
    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    reservation: str = ""
    gpu_type: str = ""
    time_limit: float = 0.0
    renew_before: float = RENEW_BEFORE
    requeue: bool = True
    register: str = ""
    address: AddressKind = "route"
    python: str = ""
    look: float = LOOK


def read_slurm(spec: Fields) -> SlurmSettings:
    """The section as written; all that is wrong with it is noted in `spec`."""
    fields = spec.mapping("slurm")
    if fields is None:
        return SlurmSettings()
    path_rule = "an absolute path of letters, digits and -._+@:=,"
    found = SlurmSettings(
        folder=fields.string("folder", check=_is_path, rule=path_rule),
        conf=fields.string("conf", "", check=_is_path, rule=path_rule),
        partition=fields.string("partition", "", check=_is_words, rule="the names of partitions: gpu, or gpu,long"),
        account=fields.string("account", "", check=_is_word, rule="the name of an account"),
        qos=fields.string("qos", "", check=_is_word, rule="the name of a quality of service"),
        constraint=fields.string("constraint", "", check=_is_constraint, rule="features of nodes: a100&nvlink"),
        reservation=fields.string("reservation", "", check=_is_word, rule="the name of a reservation"),
        gpu_type=fields.string("gpuType", "", check=_is_word, rule="a type of GPU as gres.conf has it: a100"),
        time_limit=_duration(fields, "timeLimit", 0.0),
        renew_before=_duration(fields, "renewBefore", RENEW_BEFORE),
        requeue=fields.boolean("requeue", default=True),
        register=fields.string(
            "register", "", check=_is_url, rule="an address that nodes reach: http://CONTROL:7070, consul://AGENT:8500"
        ),
        address=cast("AddressKind", fields.choice("address", ADDRESSES, "route")),
        python=fields.string("python", "", check=_is_path, rule=path_rule),
        look=_duration(fields, "look", LOOK),
    )
    _check_times(fields, found)
    fields.finish()
    return found


def slurm_to_json(settings: SlurmSettings) -> dict[str, Any]:
    """The section of the normal form; what is usual is left out."""
    usual = SlurmSettings()
    told: dict[str, Any] = {"folder": settings.folder, "renewBefore": duration_text(settings.renew_before)}
    for name, field in _TEXTS.items():
        if getattr(settings, field):
            told[name] = getattr(settings, field)
    if settings.time_limit:
        told["timeLimit"] = duration_text(settings.time_limit)
    if settings.look != usual.look:
        told["look"] = duration_text(settings.look)
    if settings.address != usual.address:
        told["address"] = settings.address
    if settings.requeue != usual.requeue:
        told["requeue"] = settings.requeue
    return told


def slurm_from_json(section: Mapping[str, Any]) -> SlurmSettings:
    """The reverse of `slurm_to_json`."""
    usual = SlurmSettings()
    return SlurmSettings(
        folder=section.get("folder", ""),
        **{field: section.get(name, "") for name, field in _TEXTS.items()},
        time_limit=seconds_in(section.get("timeLimit", "")) or 0.0,
        renew_before=seconds_in(section.get("renewBefore", "")) or usual.renew_before,
        requeue=section.get("requeue", True),
        address=section.get("address", usual.address),
        look=seconds_in(section.get("look", "")) or usual.look,
    )


_TEXTS = {
    "conf": "conf",
    "partition": "partition",
    "account": "account",
    "qos": "qos",
    "constraint": "constraint",
    "reservation": "reservation",
    "gpuType": "gpu_type",
    "register": "register",
    "python": "python",
}


def _check_times(fields: Fields, found: SlurmSettings) -> None:
    limit = found.time_limit
    if limit and not SHORTEST_LIMIT <= limit <= LONGEST_LIMIT:
        fields.complain(fields.mark_of("timeLimit"), "spec.slurm.timeLimit: outside 5m to 365d")
    if limit and found.renew_before > limit / 2:
        fields.complain(
            fields.mark_of("renewBefore"),
            f"spec.slurm.renewBefore: {duration_text(found.renew_before)} is more than half of timeLimit",
            "replicas would be replaced all the time",
        )
    if not 0.2 <= found.look <= 60:
        fields.complain(fields.mark_of("look"), "spec.slurm.look: outside 200ms to 1m")


def _duration(fields: Fields, name: str, default: float) -> float:
    text = fields.string(name, "", check=lambda text: seconds_in(text) is not None, rule=DURATION_RULE)
    return (seconds_in(text) or default) if text else default


def _is_path(text: str) -> bool:
    return _PATH.fullmatch(text) is not None and len(text) <= 500 and ".." not in text.split("/")


def _is_word(text: str) -> bool:
    return _WORD.fullmatch(text) is not None


def _is_words(text: str) -> bool:
    return _WORDS.fullmatch(text) is not None


def _is_constraint(text: str) -> bool:
    return _CONSTRAINT.fullmatch(text) is not None


def _is_url(text: str) -> bool:
    return _URL.fullmatch(text) is not None
