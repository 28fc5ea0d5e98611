"""The handler.py of an imported project, as text that reads as if a person had written it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modelway.importing.row_inputs import ROWS_TOGETHER, MethodText

BATCH = "BATCH"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelText:
    """How one kind of model is loaded and asked, as Python source.

    Args:
        imports: What it needs, as in `import …`; `from … import …` lines as they are.
        load: Lines of `load`; they set `self.model`.
        ask: An expression over `BATCH`, which stands for what the method makes of its parameters.
        dependencies: Distributions it needs.
    """

    imports: frozenset[str]
    load: tuple[str, ...]
    ask: str
    dependencies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerText:
    """What comes back: an array's element type where it is known, else values row by row."""

    dtype: str = ""


def rows_handler(
    name: str,
    source: str,
    model: ModelText,
    method: MethodText,
    answer: AnswerText,
    *,
    together: int = ROWS_TOGETHER,
    wait_ms: float = 0,
) -> str:
    """A handler with one endpoint, `predict`.

    Args:
        name: The model's name.
        source: What it was imported from, for the docstring.
        model: How it is loaded and asked.
        method: What it takes.
        answer: What it gives.
        together: Most rows of one batch.
        wait_ms: How long a batch waits behind another one.
    """
    returned, last = _answer(model.ask.replace(BATCH, method.value), method, answer)
    parameters = ", ".join(("self", *method.parameters))
    mark = serving_settings(together, wait_ms) if method.batched else "@inference"
    said = "Each request is a row" + ("; rows that wait together are answered together." if method.batched else ".")
    if not method.row:
        said = "Each request is answered by itself."
    body = [
        *_imports(model.imports | method.imports, _local_imports(parameters, returned, last)),
        "",
        "",
        "class Model(Handler):",
        "    def load(self) -> None:",
        *_indented(model.load, 8),
        "",
        f"    {mark}",
        *_signature(parameters, returned),
        f'        """{said}"""',
        *_indented(method.batch, 8),
        f"        return {last}",
    ]
    return f'"""{name}, imported from {source}."""\n\n' + "\n".join(body) + "\n"


def serving_settings(size: int, wait_ms: float = 0) -> str:
    """The decorator of a batched method."""
    wait = f", max_wait_ms={wait_ms:g}" if wait_ms else ""
    return f"@inference(max_batch_size={size}{wait})"


def _answer(ask: str, method: MethodText, answer: AnswerText) -> tuple[str, str]:
    if answer.dtype:
        kind = f"np.{'bool_' if answer.dtype == 'bool' else answer.dtype}"
        return f"NDArray[{kind}]", f"np.asarray({ask}, dtype={kind})"
    if method.batched:
        return "list[Any]", f"rows_of({ask}, {method.count})"
    if method.row:
        return "Any", f"rows_of({ask}, {method.count})[0]"
    return "Any", f"plain({ask})"


def _signature(parameters: str, returned: str) -> list[str]:
    line = f"    def predict({parameters}) -> {returned}:"
    if len(line) <= 120:
        return [line]
    parts = _split(parameters)
    return ["    def predict(", *(f"        {part}," for part in parts), f"    ) -> {returned}:"]


def _split(parameters: str) -> list[str]:
    """At commas outside of brackets and quotes."""
    parts: list[str] = []
    depth, quote, start, escaped = 0, "", 0, False
    for at, character in enumerate(parameters):
        if quote:
            if character == quote and not escaped:
                quote = ""
            escaped = character == "\\" and not escaped
        elif character in "'\"":
            quote = character
        elif character in "[({":
            depth += 1
        elif character in "])}":
            depth -= 1
        elif character == "," and not depth:
            parts.append(parameters[start:at].strip())
            start = at + 1
    return [*parts, parameters[start:].strip()]


def _local_imports(parameters: str, returned: str, last: str) -> frozenset[str]:
    text = f"{parameters} {returned} {last}"
    found = {
        "from modelway import Handler, Shape, inference"
        if "Shape(" in text
        else "from modelway import Handler, inference"
    }
    typing = [name for name in ("Annotated", "Any") if re.search(rf"\b{name}\b", text)]
    if typing:
        found.add(f"from typing import {', '.join(typing)}")
    if "np." in text:
        found.add("import numpy as np")
    if "NDArray[" in text:
        found.add("from numpy.typing import NDArray")
    if "datetime" in text:
        found.add("from datetime import datetime")
    for helper in ("rows_of", "plain"):
        if f"{helper}(" in last:
            found.add(f"from modelway.adapters.rows import {helper}")
    return frozenset(found)


_STANDARD = ("asyncio", "datetime", "json", "pathlib", "pickle", "sys", "typing")


def _imports(wanted: frozenset[str], lines: frozenset[str]) -> list[str]:
    """Standard library, others, Modelway; each sorted as isort does with `import` before `from`."""
    every = {each if each.startswith("from ") else f"import {each.removeprefix('import ')}" for each in wanted | lines}

    def group(line: str) -> int:
        module = line.split()[1].partition(".")[0]
        return 0 if module in _STANDARD else 2 if module == "modelway" else 1

    groups = [
        sorted((line for line in every if group(line) == each), key=lambda line: (line[:4] == "from", line))
        for each in range(3)
    ]
    found: list[str] = []
    for each in groups:
        if each:
            found += [*([""] if found else []), *each]
    return found


def _indented(lines: Sequence[str], width: int) -> list[str]:
    return [" " * width + line if line else "" for line in lines]
