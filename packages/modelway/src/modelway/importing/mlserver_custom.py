"""A model class of somebody's own for MLServer as a project: it goes on running on MLServer's classes, inside a handler."""

import re

from modelway.errors import InvalidPackageError
from modelway.importing.mlserver_source import KIND, MLServerSource, about_example
from modelway.importing.outcome import carried, changed, left
from modelway.importing.project_plan import MODEL_FOLDER, ProjectPlan
from modelway.importing.source_files import HINT
from modelway.packaging.entry_path import shown

_CLASS = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", re.ASCII)


def custom_plan(source: MLServerSource) -> ProjectPlan:
    """The project for a class that is in the folder, or in a runtime of MLServer that is not known here.

    Raises:
        InvalidPackageError: It is neither.
    """
    implementation, files = source.implementation, source.files
    if not _CLASS.fullmatch(implementation):
        message = f"implementation: {shown(implementation)} is not a class as in module.Class"
        raise InvalidPackageError(message, hint=HINT)
    module = implementation.partition(".")[0]
    own = f"{module}.py" in files.sizes or f"{module}/__init__.py" in files.sizes
    if not own and not module.startswith("mlserver"):
        message = f"implementation: {shown(implementation)}: {module}.py is not in the folder"
        raise InvalidPackageError(message, hint="put it beside model-settings.json.")
    wanted = ["mlserver"] if own else ["mlserver", module.replace("_", "-")]
    missing = [each for each in wanted if each not in source.requirements.names()]
    examples = [] if source.example is None else [{"endpoint": "infer", "request": source.example}]
    return ProjectPlan(
        kind=KIND,
        name=source.name,
        version=source.version,
        handler=_text(source.name),
        files=tuple(files.sizes),
        dependencies=(*source.requirements.dependencies, *missing),
        examples=examples,
        items=(
            carried(f"implementation {implementation}", "runs unchanged, on MLServer's own classes"),
            changed(
                "POST /v2/models/…/infer", "POST /infer takes and gives the same JSON", "change the URL callers use"
            ),
            left(
                "tensors in binary, gRPC",
                "the class takes a whole request, so nothing is known of its tensors",
                "write a handler with typed fields, if callers need them",
            ),
            left(
                "batching, caching, streaming", "MLServer did these around the class", "write a handler, if they matter"
            ),
            *source.items,
            *source.requirements.items,
            *(
                changed(f"requirement {each}", "added without a version", "give it the one that ran")
                for each in missing
            ),
            about_example(examples),
        ),
    )


def _text(name: str) -> str:
    return f'''"""{name}, imported from an MLServer model; its own class runs unchanged, on MLServer's classes."""

from typing import Any

from modelway import Handler, inference
from modelway.adapters.mlserver import MLServerModel


class Model(Handler):
    def load(self) -> None:
        self.model = MLServerModel(self.files / "{MODEL_FOLDER}")

    def unload(self) -> None:
        self.model.unload()

    @inference
    def infer(
        self,
        inputs: list[dict[str, Any]],
        outputs: list[dict[str, Any]] | None = None,
        parameters: dict[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - the protocol's word
    ) -> dict[str, Any]:
        """A request of the Open Inference Protocol, in JSON."""
        return self.model.infer({{"id": id, "inputs": inputs, "outputs": outputs, "parameters": parameters}})
'''
