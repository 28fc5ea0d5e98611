"""A folder with MLServer's model-settings.json as a project: known runtimes without MLServer, other classes on top of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from modelway.errors import InvalidPackageError
from modelway.importing.example_rows import requests_of
from modelway.importing.handler_text import AnswerText, rows_handler
from modelway.importing.mlflow_model import plan_mlflow
from modelway.importing.mlserver_custom import custom_plan
from modelway.importing.mlserver_runtimes import KNOWN_RUNTIMES, MLFLOW, implementation_of, model_file, runtime_text
from modelway.importing.mlserver_source import KIND, SETTINGS, MLServerSource, about_example
from modelway.importing.names import model_name, version_text
from modelway.importing.outcome import Item, carried, changed, left
from modelway.importing.project_plan import MODEL_FOLDER, ProjectPlan
from modelway.importing.requirements import Requirements, from_lines
from modelway.importing.row_inputs import ROWS_TOGETHER, Column, MethodText, Tensor, columns_text, tensors_text
from modelway.importing.source_files import HINT, SourceFiles, read_text
from modelway.importing.structured_text import list_at, object_at, read_json_object, text_at
from modelway.importing.subfolder import Subfolder
from modelway.packaging.entry_path import shown

REQUIREMENTS = "requirements.txt"
_DTYPES = {
    "BOOL": "bool", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64", "INT8": "int8",
    "INT16": "int16", "INT32": "int32", "INT64": "int64", "FP16": "float16", "FP32": "float32", "FP64": "float64",
}  # fmt: skip
_DEPLOYED = {
    "parallel_workers": "`modelway serve --workers`, or `replicas` of a Deployment",
    "warm_workers": "nothing: a server here is ready only when it has answered its golden examples",
    "cache_enabled": "nothing here keeps answers; put a cache before it, if it matters",
}
_ABOUT_OUTPUTS = changed(
    "outputs",
    "the answer is called `output` in the Open Inference Protocol",
    "callers who look for `predict` by name change that",
)
_KNOWN = frozenset({
    "name", "implementation", "parameters", "inputs", "outputs", "max_batch_size", "max_batch_time", "platform",
    "versions", "$schema",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MLServerNames:
    """Names given by a person, which come before those of the settings."""

    name: str = ""
    version: str = ""


def plan_mlserver(files: SourceFiles, origin: str, names: MLServerNames, example: Any = None) -> ProjectPlan:
    """The project for a folder with settings.

    Args:
        files: The folder.
        origin: Its name, for a model without one.
        names: Given names.
        example: A request of the Open Inference Protocol; None for none.

    Raises:
        InvalidPackageError: The settings are none, or the model is not in the folder.
    """
    source = _read(files, origin, names, example)
    if source.implementation == MLFLOW:
        return _of_mlflow(source)
    if source.implementation in KNOWN_RUNTIMES:
        return _of_runtime(source)
    return custom_plan(source)


def _read(files: SourceFiles, origin: str, names: MLServerNames, example: Any) -> MLServerSource:
    settings = read_json_object(files, SETTINGS)
    parameters = object_at(settings, "parameters", SETTINGS)
    implementation = implementation_of(text_at(settings, "implementation", SETTINGS))
    if not implementation:
        raise InvalidPackageError(f"{SETTINGS}: implementation is missing", hint=HINT)
    requirements = Requirements()
    if REQUIREMENTS in files.sizes:
        requirements = from_lines(read_text(files, REQUIREMENTS), REQUIREMENTS)
    return MLServerSource(
        files=files,
        name=model_name(names.name or text_at(settings, "name", SETTINGS) or origin),
        version=version_text(names.version or text_at(parameters, "version", SETTINGS)),
        implementation=implementation,
        settings=settings,
        parameters=parameters,
        requirements=requirements,
        example=example,
        items=tuple(_about_settings(settings, parameters)),
    )


def _of_runtime(source: MLServerSource) -> ProjectPlan:
    extra = object_at(source.parameters, "extra", SETTINGS)
    path = model_file(source.implementation, text_at(source.parameters, "uri", SETTINGS), source.files)
    model = runtime_text(source.implementation, path, extra)
    method, about_inputs = _method(source.settings, source.parameters)
    size, wait, about_batches = _batches(source.settings)
    known = source.requirements.names()
    wanted = [each for each in dict.fromkeys((*model.dependencies, *_imported(method))) if each not in known]
    requests = [] if source.example is None else requests_of(source.example, method.fields, row=True)
    return ProjectPlan(
        kind=KIND,
        name=source.name,
        version=source.version,
        handler=rows_handler(
            source.name, "an MLServer model", model, method, AnswerText(), together=size, wait_ms=wait
        ),
        files=tuple(source.files.sizes),
        dependencies=(*source.requirements.dependencies, *wanted),
        examples=[{"endpoint": "predict", "request": request} for request in requests],
        items=(
            carried(f"implementation {source.implementation}", "loaded by its own library, without MLServer"),
            carried("model", f"{MODEL_FOLDER}/{path}"),
            *about_inputs,
            *about_batches,
            *source.items,
            *(left(f"extra.{key}", "the runtime did not read it", "nothing") for key in extra if key != "predict_fn"),
            *source.requirements.items,
            *(changed(f"requirement {each}", "added without a version", "give it the one that ran") for each in wanted),
            _ABOUT_OUTPUTS,
            about_example(requests),
        ),
    )


def _imported(method: MethodText) -> Sequence[str]:
    return sorted({each.partition(" as ")[0] for each in method.imports})


def _of_mlflow(source: MLServerSource) -> ProjectPlan:
    folder = model_file(MLFLOW, text_at(source.parameters, "uri", SETTINGS), source.files)
    inner: SourceFiles = Subfolder(source.files, folder) if folder else source.files
    plan = plan_mlflow(inner, source.name, source.version, source.example)
    handler = plan.handler
    if folder:
        handler = handler.replace(f'"{MODEL_FOLDER}/', f'"{MODEL_FOLDER}/{folder}/')
        handler = handler.replace(f'self.files / "{MODEL_FOLDER}")', f'self.files / "{MODEL_FOLDER}/{folder}")')
    head = carried(f"implementation {MLFLOW}", "as the MLflow model it serves")
    return replace(
        plan, kind=KIND, handler=handler, files=tuple(source.files.sizes), items=(head, *source.items, *plan.items)
    )


def _method(settings: dict[str, Any], parameters: dict[str, Any]) -> tuple[MethodText, list[Item]]:
    written = list_at(settings, "inputs", SETTINGS)
    if not all(isinstance(each, dict) for each in written):
        raise InvalidPackageError(f"{SETTINGS}: inputs: must be a list of objects", hint=HINT)
    inputs = cast("list[dict[str, Any]]", written)
    if not inputs:
        how = "not declared: a row of numbers of any length"
        todo = "write Shape(n) in handler.py, so that rows of another length are refused"
        return tensors_text([Tensor(name="", dtype="float64", shape=(None,))]), [changed("inputs", how, todo)]
    if len(inputs) > 1 or parameters.get("content_type") == "pd" or _content_type(inputs[0]) == "pd":
        columns = [_column(each) for each in inputs]
        if len({each.name for each in columns}) < len(columns):
            raise InvalidPackageError(f"{SETTINGS}: inputs: two of one name", hint=HINT)
        return columns_text(columns), [carried("inputs", f"{len(columns)} columns of a data frame, a field each")]
    spec = inputs[0]
    name, shape, dtype = text_at(spec, "name", SETTINGS, "inputs"), list_at(spec, "shape", SETTINGS), _datatype(spec)
    lengths = [None if each == -1 else each for each in shape[1:]]
    if len(shape) > 16 or not all(each is None or (isinstance(each, int) and 0 <= each < 2**40) for each in lengths):
        raise InvalidPackageError(f"{SETTINGS}: inputs: {shown(str(shape))} is not a shape", hint=HINT)
    method = tensors_text([Tensor(name="", dtype=dtype, shape=tuple(lengths))], name)
    return method, [
        carried(f"input {name}", "one array, element type and shape checked; the first axis is that of rows")
    ]


def _content_type(spec: dict[str, Any]) -> str:
    return text_at(object_at(spec, "parameters", SETTINGS), "content_type", SETTINGS)


def _datatype(spec: dict[str, Any]) -> str:
    datatype = text_at(spec, "datatype", SETTINGS, "FP64")
    if datatype not in _DTYPES:
        raise InvalidPackageError(
            f"{SETTINGS}: inputs: datatype {shown(datatype)} is not an array of numbers", hint=HINT
        )
    return _DTYPES[datatype]


def _column(spec: dict[str, Any]) -> Column:
    name = text_at(spec, "name", SETTINGS)
    if text_at(spec, "datatype", SETTINGS) == "BYTES":
        return Column(name=name, hint="str", dtype="object")
    dtype = _datatype(spec)
    hint = "bool" if dtype == "bool" else "float" if dtype.startswith("float") else "int"
    return Column(name=name, hint=hint, dtype=dtype)


def _batches(settings: dict[str, Any]) -> tuple[int, float, list[Item]]:
    size, seconds = settings.get("max_batch_size", 0), settings.get("max_batch_time", 0)
    if isinstance(size, bool) or not isinstance(size, int) or not isinstance(seconds, int | float) or size < 0:
        raise InvalidPackageError(f"{SETTINGS}: max_batch_size and max_batch_time are numbers", hint=HINT)
    if size > 1 and seconds > 0:
        wait = min(seconds * 1000, 10_000)
        return (
            size,
            wait,
            [
                carried("max_batch_size", f"max_batch_size={size}, in rows"),
                changed(
                    "max_batch_time", f"max_wait_ms={wait:g}; a request that finds the model idle does not wait here"
                ),
            ],
        )
    return (
        ROWS_TOGETHER,
        0,
        [changed("batching", f"was off; rows that wait together go together, {ROWS_TOGETHER} at most")],
    )


def _about_settings(settings: dict[str, Any], parameters: dict[str, Any]) -> list[Item]:
    items = [left(key, str(settings[key])[:60], todo) for key, todo in _DEPLOYED.items() if key in settings]
    items += [
        left(f"parameters.{key}", "a package has an environment of its own", "check its dependencies")
        for key in ("environment_path", "environment_tarball", "inference_pool_gid", "autogenerate_inference_pool_gid")
        if parameters.get(key)
    ]
    unknown = [key for key in settings if key not in _KNOWN and key not in _DEPLOYED]
    items += [left(key[:100], "not a setting that is known here", "look whether it matters") for key in unknown]
    described = [key for key in ("platform", "versions") if settings.get(key)]
    items += [left(key, str(settings[key])[:100], "nothing: it only described the model") for key in described]
    if settings.get("outputs"):
        items.append(left("outputs", "what a model answers is not declared in handler.py", "write a type hint for it"))
    items.append(
        changed("POST /v2/models/…/infer", "the same protocol here; also POST /predict, a JSON object per row")
    )
    return items
