"""An MLflow model directory as a project: flavour, signature, environment and input example."""

from dataclasses import replace
from typing import Any

from modelway.errors import InvalidPackageError
from modelway.importing.example_rows import requests_of
from modelway.importing.handler_text import AnswerText, rows_handler
from modelway.importing.mlflow_flavors import Flavor, choose_flavor
from modelway.importing.mlflow_signature import ModelSignature, read_signature
from modelway.importing.names import model_name, quoted, version_text
from modelway.importing.outcome import Item, carried, changed, left
from modelway.importing.project_plan import ProjectPlan
from modelway.importing.requirements import Requirements, distribution, from_conda, from_lines
from modelway.importing.row_inputs import MethodText, any_rows_text, columns_text, tensors_text
from modelway.importing.source_files import SourceFiles, read_text
from modelway.importing.structured_text import (
    list_at,
    object_at,
    parse_json,
    read_json_object,
    read_yaml_object,
    text_at,
)

MLMODEL = "MLmodel"
KIND = "MLflow model"
MAX_EXAMPLE_BYTES = 4 * 1024 * 1024
_SERVER = frozenset({"mlflow", "mlflow-skinny"})


def plan_mlflow(files: SourceFiles, name: str, version: str = "", example: Any = None) -> ProjectPlan:
    """The project for a model directory.

    Args:
        files: The directory.
        name: The model's name, or what it is to be made from.
        version: Its version; `1.0.0` unless given.
        example: A request to MLflow's server, beside the directory's own example; None for none.

    Raises:
        InvalidPackageError: It is no model directory, or none that can be carried over.
    """
    model = read_yaml_object(files, MLMODEL)
    signature = read_signature(model)
    flavor = choose_flavor(
        model,
        files,
        settings=bool(signature.settings),
        tensors=len(signature.tensors) == 1 and not signature.tensors[0].name,
    )
    method = _method(signature)
    requirements = _requirements(files)
    dependencies, changes = _dependencies(requirements, flavor, method, _answer(signature, flavor))
    examples, about_examples = _examples(model, files, method, example)
    model_text = model_name(name)
    text = rows_handler(
        model_text, "an MLflow model", flavor.model, method, AnswerText(dtype=_answer(signature, flavor))
    )
    return ProjectPlan(
        kind=KIND,
        name=model_text,
        version=version_text(version),
        handler=text,
        files=tuple(files.sizes),
        dependencies=dependencies,
        examples=examples,
        items=(
            *flavor.items,
            *signature.items,
            *_renamed(method),
            *requirements.items,
            *changes,
            *about_examples,
            *_about_requests(method),
            *_about_python(model),
            *(
                left(path, "hidden, or a tool's leaving", "nothing, unless the model reads it")
                for path in files.left_out
            ),
        ),
    )


def _method(signature: ModelSignature) -> MethodText:
    if signature.tensors:
        return tensors_text(signature.tensors)
    if not signature.columns:
        return any_rows_text()
    text = columns_text(signature.columns, signature.settings)
    if not signature.settings:
        return text
    pairs = ", ".join(f"{quoted(each.name)}: {text.fields[each.name]}" for each in signature.settings)
    return replace(text, batch=(*text.batch, f"params = {{{pairs}}}"))


def _answer(signature: ModelSignature, flavor: Flavor) -> str:
    named = flavor.name == "onnx" and flavor.native
    return "" if named or signature.settings else signature.answer_dtype


def _requirements(files: SourceFiles) -> Requirements:
    if "requirements.txt" in files.sizes:
        return from_lines(read_text(files, "requirements.txt"), "requirements.txt")
    if "conda.yaml" in files.sizes:
        return from_conda(list_at(read_yaml_object(files, "conda.yaml"), "dependencies", "conda.yaml"), "conda.yaml")
    todo = "give them versions in pyproject.toml"
    return Requirements(items=(left("requirements", "the model names none", todo),))


def _dependencies(
    requirements: Requirements, flavor: Flavor, method: MethodText, answer: str
) -> tuple[tuple[str, ...], list[Item]]:
    kept: list[str] = []
    items: list[Item] = []
    for each in requirements.dependencies:
        name = distribution(each)
        if name not in _SERVER:
            kept.append(each)
        elif flavor.native:
            items.append(changed(f"requirement {each}", "left out: it was MLflow's, not the model's"))
        else:
            skinny = "mlflow-skinny" + each[len(name) :]
            kept.append(skinny)
            if name != "mlflow-skinny":
                items.append(changed(f"requirement {each}", f"{skinny}: the same code without its server"))
    if len(kept) > len(items):
        items.insert(0, carried("requirements", f"{len(kept)} in pyproject.toml"))
    wanted = {*flavor.model.dependencies, *(each.partition(" as ")[0] for each in method.imports)}
    wanted |= {"numpy"} if answer else set()
    for name in sorted(wanted - {distribution(each) for each in kept}):
        kept.append(name)
        items.append(changed(f"requirement {name}", "added without a version, as handler.py needs it", "give it one"))
    return tuple(kept), items


def _renamed(method: MethodText) -> list[Item]:
    other = [f"{name!r} is {field}" for name, field in method.fields.items() if name and name != field]
    return [changed("names of inputs", "; ".join(other)[:1000], "callers send the new names")] if other else []


def _about_requests(method: MethodText) -> list[Item]:
    how = "POST /predict, a JSON object per row; many rows at once by the Open Inference Protocol"
    if not method.row:
        how = "POST /predict, a JSON object"
    return [changed("POST /invocations", how, "change callers, as `modelway serve .` shows")]


def _about_python(model: dict[str, Any]) -> list[Item]:
    function = object_at(object_at(model, "flavors", MLMODEL), "python_function", MLMODEL)
    python = text_at(function, "python_version", MLMODEL)
    if not python:
        return []
    todo = "package it with that Python, if the model does not load"
    return [changed(f"Python {python[:20]}", "a package is locked for the Python that makes it", todo)]


def _examples(
    model: dict[str, Any], files: SourceFiles, method: MethodText, example: Any
) -> tuple[list[dict[str, Any]], list[Item]]:
    documents = [] if example is None else [example]
    items: list[Item] = []
    try:
        own = _own_example(model, files)
    except InvalidPackageError as error:
        own = None
        items.append(left("input example", error.message, "write examples.json"))
    requests: list[dict[str, Any]] = []
    for document in documents:  # given by the person: an error of theirs is said
        requests += requests_of(document, method.fields, row=method.row)
    if own is not None:
        try:
            requests += requests_of(own, method.fields, row=method.row)
        except InvalidPackageError as error:
            items.append(left("input example", error.message, "write examples.json"))
    if requests:
        todo = "run `modelway check`, then add the right answers as `response`"
        items.append(changed("input example", f"{len(requests)} golden example(s), without answers", todo))
    elif not items:
        todo = "write examples.json, or import again with --example FILE; a package needs one"
        items.append(left("input example", "the model has none", todo))
    return [{"endpoint": "predict", "request": request} for request in requests], items


def _own_example(model: dict[str, Any], files: SourceFiles) -> Any:
    about = object_at(model, "saved_input_example_info", MLMODEL)
    served = text_at(about, "serving_input_path", MLMODEL)
    path = text_at(about, "artifact_path", MLMODEL)
    for each in (served, path):
        if each and each in files.sizes:
            if files.sizes[each] > MAX_EXAMPLE_BYTES:
                raise InvalidPackageError(f"{each}: {files.sizes[each]} bytes are too many for a golden example")
            if each == served:
                return read_json_object(files, each)
            plain = parse_json(read_text(files, each), each)
            return {"dataframe_split": plain} if about.get("pandas_orient") == "split" else plain
    return None
