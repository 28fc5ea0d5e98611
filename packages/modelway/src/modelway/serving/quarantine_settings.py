"""Where samples of poison inputs are kept, and how many; where that comes from is the command line's business."""

from dataclasses import dataclass

DEFAULT_SAMPLES = 100
DEFAULT_TOTAL_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineSettings:
    """What is kept.

    Args:
        folder: Of the samples; made when missing. All workers, and several servers, may share it.
        samples: How many are kept.
        total_bytes: What they may take together.
        redacted_names: Members whose values are replaced, beside `SECRET_NAMES` of `modelway.serving.log_settings`.
        redacted_patterns: Regular expressions of what is replaced in texts, beside keys, tokens and card numbers.
    """

    folder: str
    samples: int = DEFAULT_SAMPLES
    total_bytes: int = DEFAULT_TOTAL_BYTES
    redacted_names: tuple[str, ...] = ()
    redacted_patterns: tuple[str, ...] = ()
