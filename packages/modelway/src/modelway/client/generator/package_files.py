"""All files of a generated package: the same ones from the same signature, to the last octet."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from modelway.client.generator.modules import client_module, init_module, types_module
from modelway.client.generator.names import module_name
from modelway.client.generator.types import Arrays, Types
from modelway.signature.values import Signature

_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a client is made from.

    Args:
        name: The model's.
        version: The package's; empty where it has none.
        signature: What it takes and gives.
    """

    name: str
    version: str
    signature: Signature


def package_files(
    described: Described, *, name: str = "", arrays: Arrays = "numpy", sdk: str = ""
) -> Mapping[str, str]:
    """Text by path.

    Args:
        described: The model.
        name: Of the distribution; the model's with `-client` behind it unless given.
        arrays: What arrays are in Python.
        sdk: The version of `modelway` that it needs at least.
    """
    module = module_name(name or f"{described.name} client")
    distribution = module.strip("_").replace("_", "-")
    title = " ".join(f"{described.name} {described.version}".split())
    head = f"# Made by `modelway client generate` from {_one_line(title)}; make it again rather than change it.\n"
    types = Types(arrays)
    client, blocking, asynchronous = client_module(head, module, described.name, described.signature, types)
    source = f"src/{module}"
    files = {
        "pyproject.toml": _pyproject(distribution, module, described, types, sdk),
        "README.md": _readme(distribution, module, described, blocking, asynchronous),
        f"{source}/__init__.py": init_module(head, module, _one_line(title), (blocking, asynchronous), types),
        f"{source}/client.py": client,
        f"{source}/py.typed": "",
    }
    return files | ({f"{source}/types.py": types_module(head, types)} if types.classes else {})


def _pyproject(distribution: str, module: str, described: Described, types: Types, sdk: str) -> str:
    version = described.version if _VERSION.fullmatch(described.version) else "0"
    needs = [f"modelway>={sdk}" if sdk else "modelway"]
    if types.arrays == "numpy" and _has_arrays(described.signature):
        needs.append("numpy")
    about = json.dumps(f"Calls the model {_one_line(described.name)}.", ensure_ascii=False)
    return f"""[project]
name = "{distribution}"
version = "{version}"
description = {about}
requires-python = ">=3.11"
dependencies = {json.dumps(needs)}

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["src/{module}"]
"""


def _readme(distribution: str, module: str, described: Described, blocking: str, asynchronous: str) -> str:
    endpoints = "\n".join(
        f"* `{each.name}`: {_one_line(each.description.partition(chr(10))[0]) or each.output.label}"
        for each in described.signature.endpoints
    )
    return f"""# {distribution}

Calls the model {_one_line(described.name)}. Made by `modelway client generate`; make it again when the model's signature changes.

```python
from {module} import {blocking}

with {blocking}("PROJECT/MODEL") as model:  # or url="http://127.0.0.1:8080"
    ...
```

`{asynchronous}` is the same for asyncio. Each endpoint is a method:

{endpoints}
"""


def _has_arrays(signature: Signature) -> bool:
    fields = [each for endpoint in signature.endpoints for each in (*endpoint.inputs, endpoint.output)]
    types = Types("numpy")
    return any("np" in types.of_input(each, "x") + types.of_answer(each, "x") for each in fields) or any(
        "npt." in member.annotation for each in types.classes.values() for member in each.members
    )


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
