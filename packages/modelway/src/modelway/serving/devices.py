"""Which device a worker's model runs on, and how only that one is shown to it."""

from collections.abc import Mapping

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def device_of(devices: tuple[str, ...], worker: int) -> str:
    """The device of worker number `worker`: in turn."""
    return devices[worker % len(devices)]


def seen_by_worker(device: str, environment: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """What the handler is told, and variables for its process.

    `cuda:1` becomes `cuda` in a process that sees nothing but that one: libraries that take the first GPU, or a little of
    each, then do no harm. The number counts within those this process may use itself.
    """
    kind, _, number = device.partition(":")
    if kind != "cuda" or not number:
        return device, {}
    ours = [each.strip() for each in environment.get(_VISIBLE, "").split(",") if each.strip()]
    return kind, {_VISIBLE: ours[int(number)] if int(number) < len(ours) else number}
