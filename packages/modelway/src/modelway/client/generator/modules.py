"""The modules of a generated package, as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelway.client.generator.names import USED_IN_ANNOTATIONS, class_name, docstring, identifiers
from modelway.client.generator.types import ObjectType, Types
from modelway.signature.values import EndpointSignature, Signature

_BASE = frozenset({"close"})
_IMPORTS = {
    "np.": "import numpy as np",
    "npt.": "import numpy.typing as npt",
    "datetime.": "import datetime",
    "decimal.": "import decimal",
    "uuid.": "import uuid",
}


@dataclass(frozen=True, slots=True)
class Method:
    """One endpoint as a method.

    Args:
        endpoint: What it is.
        name: The method's name.
        parameters: By the input's name: identifier, annotation, and whether it is needed.
        answer: Annotation of its answer, or of a piece of it.
    """

    endpoint: EndpointSignature
    name: str
    parameters: Mapping[str, tuple[str, str, bool]]
    answer: str


def methods_of(signature: Signature, types: Types) -> list[Method]:
    """A method per endpoint, in their order; puts the classes they need into `types`."""
    names = identifiers((each.name for each in signature.endpoints), USED_IN_ANNOTATIONS | _BASE)
    found: list[Method] = []
    for endpoint in signature.endpoints:
        parameters = identifiers(each.name for each in endpoint.inputs)
        found.append(
            Method(
                endpoint,
                names[endpoint.name],
                {
                    each.name: (
                        parameters[each.name],
                        types.of_input(each, f"{endpoint.name} {each.name}"),
                        each.required,
                    )
                    for each in endpoint.inputs
                },
                types.of_answer(endpoint.output, f"{endpoint.name} answer"),
            )
        )
    return found


def types_module(head: str, types: Types) -> str:
    """Classes of the objects that go back and forth."""
    texts = [_class_text(each, types) for each in types.classes.values()]
    body = "".join(f"\n\n{text}" for text in texts)
    exported = _exported(sorted(types.classes))
    inside = '"""Objects that the model takes and gives."""'
    return f"{head}{inside}\n\n{_imports(body, ('UNSET', 'UnsetType', 'field'))}\n{exported}{body}"


def client_module(head: str, module: str, title: str, signature: Signature, types: Types) -> tuple[str, str, str]:
    """The module of both clients, and their names."""
    methods = methods_of(signature, types)
    taken = set(types.classes)
    name = class_name(f"{title} client", taken)
    other = class_name(f"Async {title} client", taken | {name})
    blocking = _client_text(name, "TypedClient", title, methods, asynchronous=False)
    asynchronous = _client_text(other, "AsyncTypedClient", title, methods, asynchronous=True)
    body = f"\n\n{blocking}\n\n{asynchronous}"
    used = [each for each in sorted(types.classes) if any(_mentions(text, each) for text in _annotations(methods))]
    classes = f"from {module}.types import {', '.join(used)}\n" if used else ""
    helpers = [
        each
        for each in ("AsyncAnswers", "AsyncTypedClient", "Image", "TypedClient", "USUAL_OPTIONS")
        if _mentions(body, each)
    ]
    inside = f'"""Clients of the model: {name} blocks, {other} is for an event loop."""'
    imports = _imports(body, ("UNSET", "UnsetType"))
    text = (
        f"{head}{inside}\n\n{imports}from modelway.client import CallOptions\n"
        f"from modelway.client.typed import {', '.join(helpers)}\n{classes}{body}"
    )
    return text, name, other


def _client_text(name: str, base: str, title: str, methods: Sequence[Method], *, asynchronous: bool) -> str:
    about = "for one event loop" if asynchronous else "may be shared by threads"
    said = docstring(f"Calls {title}; {about}. Arguments: those of `modelway.client.ModelClient`.", "    ")
    return f"class {name}({base}):\n{said}" + "".join(f"\n{_method_text(each, asynchronous)}" for each in methods)


def _method_text(method: Method, asynchronous: bool) -> str:  # noqa: FBT001 - private
    streaming = method.endpoint.streaming
    answer = f"{'AsyncAnswers' if asynchronous else 'Iterator'}[{method.answer}]" if streaming else method.answer
    needed = [each for each in method.parameters.values() if each[2]]
    optional = [each for each in method.parameters.values() if not each[2]]
    lines = ["self", "options: CallOptions = USUAL_OPTIONS", "/"]
    lines += ["*"] if method.parameters else []
    lines += [f"{name}: {annotation}" for name, annotation, _ in needed]
    lines += [f"{name}: {_or_unset(annotation)} = UNSET" for name, annotation, _ in optional]
    signature = "".join(f"        {line},\n" for line in lines)
    inputs = ", ".join(f"{wire!r}: {name}" for wire, (name, _, _) in method.parameters.items())
    way = "_stream" if streaming else "_ask"
    waits = asynchronous and not streaming
    said = docstring(method.endpoint.description or f"The endpoint {method.endpoint.name!r}.", "        ")
    return (
        f"    {'async ' if waits else ''}def {method.name}(\n{signature}    ) -> {answer}:\n{said}"
        f"        return {'await ' if waits else ''}self.{way}"
        f"({method.endpoint.name!r}, {{{inputs}}}, {method.answer}, options)\n"
    )


def _class_text(described: ObjectType, types: Types) -> str:
    names = identifiers(
        (each.wire for each in described.members), USED_IN_ANNOTATIONS | frozenset(types.classes) | {"field"}
    )
    lines: list[str] = []
    for each in described.members:
        name = names[each.wire]
        renamed = f"name={each.wire!r}" if name != each.wire else ""
        if each.required:
            lines.append(f"    {name}: {each.annotation}{f' = field({renamed})' if renamed else ''}\n")
        else:
            value = f"field(default=UNSET, {renamed})" if renamed else "UNSET"
            lines.append(f"    {name}: {_or_unset(each.annotation)} = {value}\n")
    # Arrays cannot be compared by `==` as a whole.
    compared = "" if not any("npt." in each.annotation for each in described.members) else ", eq=False"
    return f"class {described.name}(msgspec.Struct, frozen=True, kw_only=True{compared}):\n{''.join(lines)}"


def _or_unset(annotation: str) -> str:
    return annotation if annotation == "Any" else f"{annotation} | UnsetType"


def _annotations(methods: Sequence[Method]) -> list[str]:
    return [each.answer for each in methods] + [
        annotation for each in methods for _, annotation, _ in each.parameters.values()
    ]


def _mentions(text: str, name: str) -> bool:
    """Whether `name` stands in `text` as a name of its own."""
    at = text.find(name)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(name) : at + len(name) + 1]
        if not (before.isidentifier() or before.isdigit()) and not f"a{after}".isidentifier():
            return True
        if not after:
            return True
        at = text.find(name, at + 1)
    return False


def _imports(body: str, of_msgspec: Sequence[str]) -> str:
    plain = [line for use, line in _IMPORTS.items() if use in body and not line.startswith("import numpy")]
    names = [each for each in ("Iterator", "Sequence") if f"{each}[" in body]
    lines = sorted(plain) + ([f"from collections.abc import {', '.join(names)}"] if names else [])
    typing = [each for each in ("Any", "Literal") if _mentions(body, each)]
    lines += [f"from typing import {', '.join(typing)}"] if typing else []
    lines += [""] if lines else []
    lines += ["import msgspec"] if "msgspec.Struct" in body else []
    lines += [line for use, line in _IMPORTS.items() if use in body and line.startswith("import numpy")]
    used = [each for each in of_msgspec if _mentions(body, each)]
    lines += [f"from msgspec import {', '.join(used)}"] if used else []
    return "".join(f"{line}\n" for line in lines)


def _exported(names: Sequence[str]) -> str:
    return f"\n__all__ = [{', '.join(map(repr, names))}]\n"


def init_module(head: str, module: str, title: str, clients: Sequence[str], types: Types) -> str:
    """The package itself: everything by one name."""
    classes = sorted(types.classes)
    imported = f"from {module}.client import {', '.join(sorted(clients))}\n"
    if classes:
        imported += f"from {module}.types import {', '.join(classes)}\n"
    inside = docstring(f"Calls the model {title}.", "")
    return f"{head}{inside}\n{imported}{_exported(sorted([*clients, *classes]))}"
