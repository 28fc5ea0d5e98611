"""A TorchServe model archive as a project: its handler runs unchanged in a room made for it."""

import ast
import json
import pprint
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from modelway.errors import InvalidPackageError
from modelway.handler import MAX_WAIT_MS
from modelway.importing.handler_text import serving_settings
from modelway.importing.names import model_name, version_text
from modelway.importing.outcome import Item, carried, changed, left
from modelway.importing.project_plan import MODEL_FOLDER, ProjectPlan
from modelway.importing.requirements import Requirements, distribution_of_module, from_lines
from modelway.importing.source_files import HINT, SourceFiles, read_bytes, read_text
from modelway.importing.structured_text import object_at, read_json_object, read_yaml_object, text_at
from modelway.packaging.entry_path import shown

MANIFEST = "MAR-INF/MANIFEST.json"
KIND = "TorchServe archive"
MAX_SOURCE_BYTES = 2 * 1024 * 1024
MAX_BATCH = 10_000
_BUILT_IN = {"base_handler": ("torch",), "image_classifier": ("torch", "torchvision", "pillow")}
_STANDING_IN = frozenset({
    "ts", "ts.context", "ts.torch_handler", "ts.torch_handler.base_handler", "ts.torch_handler.vision_handler",
    "ts.torch_handler.image_classifier", "ts.handler_utils", "ts.handler_utils.timer", "ts.utils", "ts.utils.util",
})  # fmt: skip
_SETTINGS = {
    "minWorkers": "`modelway serve --workers`, or `replicas` of a Deployment",
    "maxWorkers": "`modelway serve --workers`, or `replicas` of a Deployment",
    "responseTimeout": "`timeout` of the Route",
    "deviceType": "`modelway serve --device`",
    "deviceIds": "`modelway serve --device`",
}


def plan_torchserve(files: SourceFiles, name: str = "", version: str = "", example: Any = None) -> ProjectPlan:
    """The project for an archive.

    Args:
        files: The archive.
        name: The model's name; that of the manifest unless given.
        version: Its version; that of the manifest unless given.
        example: The JSON body of a request to the old server; None for none.

    Raises:
        InvalidPackageError: It is no archive, or one whose handler cannot be carried over.
    """
    manifest = read_json_object(files, MANIFEST)
    model = object_at(manifest, "model", MANIFEST)
    handler = _handler(manifest, model, files)
    own_name = model_name(name or text_at(model, "modelName", MANIFEST))
    own_version = version_text(version or text_at(model, "modelVersion", MANIFEST))
    code = _code(files)
    config, about_config = _config(model, files)
    size, wait = _batch(config)
    requirements = _requirements(model, files)
    dependencies, about_imports = _dependencies(requirements, code, handler, files)
    examples = [] if example is None else [{"endpoint": "predictions", "request": {"body": example}}]
    return ProjectPlan(
        kind=KIND,
        name=own_name,
        version=own_version,
        handler=_text(own_name, size, wait, config),
        files=tuple(files.sizes),
        dependencies=dependencies,
        examples=examples,
        items=(
            _about_handler(handler, model),
            *_about_files(model, files),
            *about_config,
            *requirements.items,
            *about_imports,
            *_about_source(code),
            changed(
                f"POST /predictions/{own_name}",
                'POST /predictions {"body": …} for JSON, POST /raw for octets (application/octet-stream)',
                "change callers, as `modelway serve .` shows",
            ),
            _about_example(examples),
        ),
    )


def _handler(manifest: dict[str, Any], model: dict[str, Any], files: SourceFiles) -> str:
    """The handler as `file.py` or the name of a built-in one."""
    runtime = text_at(manifest, "runtime", MANIFEST, "python")
    if runtime not in {"python", "python3"}:
        raise InvalidPackageError(f"{MANIFEST}: runtime {runtime[:40]!r}: only Python is carried over", hint=HINT)
    handler = text_at(model, "handler", MANIFEST).partition(":")[0]
    file = f"{handler.removesuffix('.py').split('/')[-1]}.py"
    if file in files.sizes:
        return file
    if handler in _BUILT_IN:
        return handler
    hint = "write preprocess, inference and postprocess in a handler of your own, archive it, and import that."
    raise InvalidPackageError(
        f"{MANIFEST}: handler {handler[:80]!r} is neither in the archive nor built in here", hint=hint
    )


def _code(files: SourceFiles) -> dict[str, ast.Module]:
    found: dict[str, ast.Module] = {}
    for path in files.sizes:
        if path.endswith(".py") and files.sizes[path] <= MAX_SOURCE_BYTES:
            try:
                found[path] = ast.parse(read_bytes(files, path, MAX_SOURCE_BYTES))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue  # importing it says so better
    return found


def _config(model: dict[str, Any], files: SourceFiles) -> tuple[dict[str, Any], list[Item]]:
    path = text_at(model, "configFile", MANIFEST)
    if not path:
        return {}, []
    config = _plain(read_yaml_object(files, path), path)
    items: list[Item] = []
    for key, value in config.items():
        thing = f"{path}: {key}"
        if key == "batchSize":
            items.append(carried(thing, "max_batch_size of both endpoints"))
        elif key == "maxBatchDelay":
            items.append(changed(thing, "max_wait_ms; a request that finds the model idle does not wait here"))
        elif key in _SETTINGS:
            items.append(left(thing, f"{str(value)[:60]}: said where the model is deployed", f"set {_SETTINGS[key]}"))
        elif key in {"pt2", "parallelType", "torchrun", "continuousBatching", "sequenceBatching", "parallelLevel"}:
            items.append(left(thing, "TorchServe's own way to run a model", "do it in the handler, if it matters"))
        else:
            items.append(carried(thing, "context.model_yaml_config, as before"))
    return config, items


def _plain(config: dict[str, Any], path: str) -> dict[str, Any]:
    try:
        json.dumps(config, allow_nan=False)
    except (ValueError, TypeError) as error:
        message = f"{shown(path)}: values that JSON cannot hold, such as dates: {error}"
        raise InvalidPackageError(message, hint="put them in quotes.") from error
    return config


def _batch(config: dict[str, Any]) -> tuple[int, float]:
    size, wait = config.get("batchSize", 1), config.get("maxBatchDelay", 0)
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MAX_BATCH:
        raise InvalidPackageError(f"batchSize: {shown(str(size))} is not 1 to {MAX_BATCH}", hint=HINT)
    if not isinstance(wait, int | float) or not wait >= 0:
        raise InvalidPackageError(f"maxBatchDelay: {shown(str(wait))} is not a time in milliseconds", hint=HINT)
    return size, min(float(wait), MAX_WAIT_MS)


def _requirements(model: dict[str, Any], files: SourceFiles) -> Requirements:
    path = text_at(model, "requirementsFile", MANIFEST)
    return from_lines(read_text(files, path), path) if path else Requirements()


def _dependencies(
    requirements: Requirements, code: dict[str, ast.Module], handler: str, files: SourceFiles
) -> tuple[tuple[str, ...], list[Item]]:
    own = {path.split("/")[0].removesuffix(".py") for path in files.sizes}
    wanted = dict.fromkeys(_BUILT_IN.get(handler, ()), handler)
    for path, tree in code.items():
        for module in _imported(tree):
            top = module.partition(".")[0]
            if top == "ts" and "torch_handler" in module:
                if _needs_torch(code):
                    wanted.setdefault("torch", path)
            elif top not in own and top not in sys.stdlib_module_names and top not in {"ts", "modelway"}:
                wanted.setdefault(distribution_of_module(top), path)
    items = [carried(f"requirement {each}", "in pyproject.toml") for each in requirements.dependencies]
    missing = {name: path for name, path in wanted.items() if name not in requirements.names()}
    items += [
        changed(f"requirement {name}", f"added without a version, as {path} needs it", "give it one; correct the name")
        for name, path in sorted(missing.items())
    ]
    return (*requirements.dependencies, *sorted(missing)), items


def _needs_torch(code: dict[str, ast.Module]) -> bool:
    """Whether BaseHandler loads the model itself: no class of the archive has an `initialize` that does not call up."""
    for tree in code.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == "initialize":
                return any(isinstance(each, ast.Name) and each.id == "super" for each in ast.walk(node))
    return True


def _imported(tree: ast.Module) -> Iterable[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _about_handler(handler: str, model: dict[str, Any]) -> Item:
    entry = text_at(model, "handler", MANIFEST)
    if handler in _BUILT_IN:
        return changed(f"handler {handler}", "ours of that name: it answers, but explains and profiles nothing")
    return carried(f"handler {entry[:80]}", f"runs unchanged, from {MODEL_FOLDER}/{handler}")


def _about_files(model: dict[str, Any], files: SourceFiles) -> list[Item]:
    named = {key: text_at(model, key, MANIFEST) for key in ("serializedFile", "modelFile")}
    for key, path in named.items():
        if path and path not in files.sizes:
            raise InvalidPackageError(f"{MANIFEST}: {key}: {shown(path)} is not in the archive", hint=HINT)
    items = [carried(f"{key} {path}", f"{MODEL_FOLDER}/{path}") for key, path in named.items() if path]
    items.append(carried("other files", f"{len(files.sizes)} files in all, below {MODEL_FOLDER}/"))
    hint = "nothing, unless the handler reads it"
    if any(path.endswith((".pkl", ".pickle", ".joblib")) for path in files.sizes):
        how = "nothing is unpickled here, so what a pickle needs is not known"
        items.append(changed("pickles", how, "add their libraries to dependencies; `modelway package --verify` tells"))
    return [*items, *(left(path, "hidden, or a tool's leaving", hint) for path in files.left_out)]


def _about_source(code: dict[str, ast.Module]) -> list[Item]:
    items: list[Item] = []
    for path, tree in code.items():
        for module in _imported(tree):
            if module.partition(".")[0] == "ts" and module not in _STANDING_IN:
                todo = "take the import out, or add torchserve to dependencies"
                items.append(
                    left(f"{path}: import {module}", "not among the modules that stand in for TorchServe's", todo)
                )
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        if "metrics" in names:
            how = "calls are accepted and nothing is kept; the server measures each stage"
            items.append(changed(f"{path}: metrics", how))
        if names & {"set_response_content_type", "set_response_header"}:
            items.append(left(f"{path}: response headers", "answers have the server's own", "return JSON, or bytes"))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        if defined & {"explain_handle", "get_insights", "describe_handle"}:
            todo = "make it an endpoint in handler.py, if it is used"
            items.append(left(f"{path}: explanations", "/explanations and describe are not served", todo))
    return items


def _about_example(examples: Sequence[Any]) -> Item:
    if examples:
        return changed("example", "a golden example, without an answer", "run `modelway check`, then add `response`")
    todo = "write examples.json, or import again with --example FILE; a package needs one"
    return left("example", "an archive has none", todo)


def _text(name: str, size: int, wait: float, config: dict[str, Any]) -> str:
    batched = size > 1
    mark = serving_settings(size, wait) if batched else "@inference"
    kind, contexts = ("list[{}]", "list[Context]") if batched else ("{}", "Context")
    answer = kind.format("Any")
    body = 'return self.archive.predict([{"body": each} for each in body], contexts)'
    raw = 'return self.archive.predict([{"body": bytearray(each)} for each in body], contexts)'
    if not batched:
        body = 'return self.archive.predict([{"body": body}], [contexts])[0]'
        raw = 'return self.archive.predict([{"body": bytearray(body)}], [contexts])[0]'
    settings = ", config=CONFIG" if config else ""
    constant = f"\nCONFIG = {pprint.pformat(config, width=100, sort_dicts=False)}\n" if config else ""
    folder = f'self.files / "{MODEL_FOLDER}"'
    return f'''"""{name}, imported from a TorchServe archive; its own handler is in {MODEL_FOLDER}/, unchanged."""

from typing import Any

from modelway import Context, Handler, inference
from modelway.adapters.torchserve import ModelArchive
{constant}

class Model(Handler):
    def load(self) -> None:
        self.archive = ModelArchive({folder}, device=self.device, batch_size={size}{settings})

    {mark}
    def predictions(self, body: {kind.format("Any")}, contexts: {contexts}) -> {answer}:
        """JSON: what stands under `body` is what the archive's handler finds under "body"."""
        {body}

    {mark}
    def raw(self, body: {kind.format("bytes")}, contexts: {contexts}) -> {answer}:
        """Octets, such as a picture: `curl --data-binary @FILE -H 'content-type: application/octet-stream'`."""
        {raw}
'''
