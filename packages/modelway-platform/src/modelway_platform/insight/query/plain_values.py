"""Values that JSON has no form for, as it can have them."""

import math
from typing import Any, cast


def plain(value: Any, depth: int = 0) -> Any:
    """Numbers beyond 64 bits and whatever else is unknown become text; keys of maps, too."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if -(1 << 63) <= value < 1 << 64 else str(value)
        case float():
            return value if math.isfinite(value) else None
        case list() | tuple() if depth < 20:
            return [plain(each, depth + 1) for each in cast("list[Any]", value)]
        case dict() if depth < 20:
            return {str(key): plain(each, depth + 1) for key, each in cast("dict[Any, Any]", value).items()}
        case _:
            return str(value)
