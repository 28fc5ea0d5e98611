"""The child process of a rehearsal: loads the handler as a model server would and answers the golden examples.

    python -m modelway.cli.answer_examples < task.json

It reads a `rehearse.Task` from stdin and writes a `rehearse.Report` to the file the task names.
"""

import sys
import time
import traceback
from pathlib import Path
from typing import Any

import msgspec

from modelway.cli.profile_batches import profile_batches
from modelway.errors import ModelwayError
from modelway.packaging.rehearse import Answer, Report, Task
from modelway.packaging.unpacked import import_handler
from modelway.testing import Client


def answer(task: Task) -> Report:
    """Everything the parent wants to know; a handler that cannot be used is a report, too."""
    try:
        handler = import_handler(Path(task.code), task.handler)
        start = time.perf_counter()
        with Client(handler, files=Path(task.files)) as client:
            load_seconds = time.perf_counter() - start
            answers = tuple(_ask(client, each.endpoint, each.request) for each in task.examples)
            signature = client.signature.to_json()
            profile = profile_batches(client, task.examples) if task.profile else ()
    except ModelwayError as error:
        if error.__cause__:
            traceback.print_exception(error.__cause__)
        return Report(failure=error.message, hint=error.hint)
    except Exception as error:  # noqa: BLE001 - whatever a modeller's code raises is for the modeller to read
        traceback.print_exception(error)
        return Report(failure=f"{type(error).__name__}: {error}", hint="correct the handler.")
    return Report(load_seconds=load_seconds, signature=signature, answers=answers, profile=profile)


def _ask(client: Client, endpoint: str, request: Any) -> Answer:
    start = time.perf_counter()
    try:
        response = client.call(endpoint, request)
    except ModelwayError as error:
        if error.__cause__:
            traceback.print_exception(error.__cause__)
        return Answer(seconds=time.perf_counter() - start, error=f"error[{error.error_code}]: {error.message}")
    return Answer(seconds=time.perf_counter() - start, response=response)


def main() -> None:
    """Reads the task, writes the report."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    Path(task.result).write_bytes(msgspec.json.encode(answer(task)))


if __name__ == "__main__":
    main()
