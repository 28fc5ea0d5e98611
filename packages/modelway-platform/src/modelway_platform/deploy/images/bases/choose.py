"""Which base image a package gets, and why: a decision about its lock and the definitions, nothing is read or run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelway.errors import ConflictError, NotFoundError
from modelway_platform.deploy.images.bases.catalogue import unknown_base
from modelway_platform.deploy.images.bases.contents import BaseContents
from modelway_platform.deploy.images.bases.definition import BaseDefinition, Device
from modelway_platform.deploy.images.bases.package_lock import Pin

_CUDA = ("nvidia-", "cuda-")
_GPU_NAMES = frozenset({"onnxruntime-gpu", "tensorflow-gpu", "cupy-cuda12x", "cupy-cuda13x"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseChoice:
    """A definition, why it was chosen, and what was not taken: `(name, reason)`."""

    definition: BaseDefinition
    why: str
    passed_over: tuple[tuple[str, str], ...] = ()


def device_of(pins: Mapping[str, Pin]) -> tuple[Device, str]:
    """What a package's lock is made for, and what shows it."""
    cuda = next((name for name in sorted(pins) if name in _GPU_NAMES or name.startswith(_CUDA)), "")
    return ("gpu", f"the lock has {cuda}") if cuda else ("cpu", "the lock has no CUDA")


def choose_base(
    definitions: Sequence[BaseDefinition],
    pins: Mapping[str, Pin],
    python: str,
    *,
    name: str = "",
    device: Device | None = None,
) -> BaseChoice:
    """The base for a package with these pins.

    Args:
        definitions: In the order in which they are tried.
        pins: The package's lock.
        python: The package's, `3.11`.
        name: The definition that the package or the person named, if one did.
        device: What the person said it runs on; without it, what the lock is made for.

    Raises:
        NotFoundError: No definition has that name, or none is for this Python and device.
        ConflictError: The named one does not fit the package.
    """
    if name:
        return _named(definitions, pins, python, name)
    found, shown = (device, "as told") if device else device_of(pins)
    passed_over: list[tuple[str, str]] = []
    for each in definitions:
        if each.device != found or each.python != python or not pins.keys() >= set(each.carries):
            continue
        if reason := misfit(each, pins):
            passed_over.append((each.name, reason))
            continue
        carried = ", ".join(f"{name} {pins[name].version}" for name in each.carries)
        why = f"the lock has {carried}" if carried else "no other base fits"
        return BaseChoice(definition=each, why=f"{why}; {found}: {shown}", passed_over=tuple(passed_over))
    raise NotFoundError(
        f"no base image is defined for Python {python} on {found}",
        hint="define one in bases.toml (docs: Images), or name an image with --base.",
    )


def _named(definitions: Sequence[BaseDefinition], pins: Mapping[str, Pin], python: str, name: str) -> BaseChoice:
    definition = next((each for each in definitions if each.name == name), None)
    if definition is None:
        raise unknown_base(name, definitions)
    if definition.python != python:
        raise ConflictError(f"base {name} has Python {definition.python}, the package is locked for {python}")
    if missing := [each for each in definition.carries if each not in pins]:
        raise ConflictError(
            f"base {name} is there for {missing[0]}, which the package's lock does not have",
            hint="leave --base away, and one that fits is taken.",
        )
    if reason := misfit(definition, pins):
        raise ConflictError(f"base {name} does not fit the package: {reason}", hint=_hint(definition))
    return BaseChoice(definition=definition, why="it was named")


def misfit(definition: BaseDefinition, pins: Mapping[str, Pin]) -> str:
    """Why a package with these pins cannot stand on the base; empty where it can, as far as its lock tells."""
    for wheel in definition.lock.wheels if definition.lock else ():
        if definition.must_be_exact(wheel.name):
            reason = _difference(wheel.name, wheel.version, wheel.sha256, pins)
            if reason:
                return reason
    return ""


def provided(contents: BaseContents, pins: Mapping[str, Pin]) -> frozenset[str]:
    """The pins that a base image brings to the wheel, so that nothing has to be installed for them.

    Raises:
        ConflictError: The image has another version of what a package may not have in another version.
    """
    for name in sorted(contents.exact):
        if reason := _difference(name, *contents.wheels[name], pins):
            hint = f"make it anew (`modelway image base {contents.name}`), or leave --base away."
            raise ConflictError(f"base {contents.name} does not fit the package: {reason}", hint=hint)
    return frozenset(name for name, found in contents.wheels.items() if not _difference(name, *found, pins, absent="-"))


def _difference(name: str, version: str, sha256: str, pins: Mapping[str, Pin], *, absent: str = "") -> str:
    pin = pins.get(name)
    if pin is None:
        return absent  # more than the lock asks for: it is never imported
    if pin.version != version:
        return f"it has {name} {version}, the lock wants {pin.version}"
    if sha256 not in pin.hashes:
        return f"its {name} {version} is another wheel than the lock's"
    return ""


def _hint(definition: BaseDefinition) -> str:
    pins = ", ".join(definition.requirements)
    return f"lock the package with its versions ({pins}), or leave --base away, and one that fits is taken."
