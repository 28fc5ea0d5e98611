#!/usr/bin/env python3
"""Make the messages of the control API, the comments on them and docs/control-api.md of proto/modelway/v1/*.proto.

It needs grpcio-tools, a tool of `make setup`.

scripts/generate_control_api.py            write them
scripts/generate_control_api.py --check    fail where they are not what the schema says
"""

import argparse
import importlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from google.api import annotations_pb2
from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "proto"
TARGET = ROOT / "packages/modelway-platform/src/modelway_platform/deploy/api/schema"
PACKAGE = "modelway_platform.deploy.api.schema"
DOCSTRING = '"""Messages of proto/modelway/v1/{name}.proto, made by scripts/generate_control_api.py."""\n'
# Field numbers of FileDescriptorProto, DescriptorProto, EnumDescriptorProto and ServiceDescriptorProto: the paths of comments.
protoc: Any = importlib.import_module("grpc_tools.protoc")  # it carries no types
_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6
_FIELDS, _NESTED, _NESTED_ENUMS, _VALUES, _METHODS = 2, 3, 4, 2, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes or compares."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args(arguments).check
    stale: list[str] = []
    for name, text in made().items():
        path = TARGET / name
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(str(path.relative_to(ROOT)))
        elif not check:
            path.write_text(text, encoding="utf-8")
    if not check:
        subprocess.run([sys.executable, ROOT / "scripts/control_api_reference.py", "--write"], check=True)
    if stale:
        print(f"not what proto/ says, run scripts/generate_control_api.py: {', '.join(stale)}")
    return 1 if stale else 0


def made() -> dict[str, str]:
    """The text of each file by its name."""
    sources = sorted(path.relative_to(SOURCE).as_posix() for path in (SOURCE / "modelway/v1").glob("*.proto"))
    common = Path(annotations_pb2.__file__).parent.parent.parent
    shipped = Path(str(files("grpc_tools"))) / "_proto"
    texts: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as work:
        outputs = [f"--python_out={work}", f"--pyi_out={work}", f"--descriptor_set_out={work}/set"]
        command = ["", f"-I{SOURCE}", f"-I{common}", f"-I{shipped}", "--include_source_info", *outputs, *sources]
        if protoc.main(command):
            raise SystemExit(1)
        for path in sorted((Path(work) / "modelway/v1").iterdir()):
            text = path.read_text(encoding="utf-8")
            text = text.replace("from modelway.v1 import ", f"from {PACKAGE} import ")
            if path.suffix == ".pyi":
                text = re.sub(r"_Mapping(?=[],])", "_Mapping[str, _Any]", text)
                text = "from typing import Any as _Any\n" + text
            else:
                text = DOCSTRING.format(name=path.stem.removesuffix("_pb2")) + text
            texts[path.name] = text
        described = descriptor_pb2.FileDescriptorSet.FromString((Path(work) / "set").read_bytes())
    for file in described.file:
        comments = json.dumps(dict(comments_in(file)), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        texts[f"{Path(file.name).stem}.comments.json"] = comments
    return texts


def comments_in(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """The leading comment of everything that has one, by its full name."""
    for location in file.source_code_info.location:
        name = _name(file, list(location.path))
        text = " ".join(location.leading_comments.split())
        if name and text:
            yield f"{file.package}.{name}", text


def _name(file: descriptor_pb2.FileDescriptorProto, path: list[int]) -> str:
    """What a path leads to: `Message.field`, `Service.Method`; empty for what has no name of its own."""
    starts: dict[int, Any] = {_MESSAGES: file.message_type, _ENUMS: file.enum_type, _SERVICES: file.service}
    if len(path) < 2 or path[0] not in starts:
        return ""
    here: Any = starts[path[0]][path[1]]
    names = [here.name]
    for kind, index in zip(path[2::2], path[3::2], strict=False):
        below = _below(here, kind)
        if below is None:
            return ""
        here = below[index]
        names.append(here.name)
    return ".".join(names) if len(path) % 2 == 0 else ""


def _below(here: Any, kind: int) -> Any:
    match here:
        case descriptor_pb2.DescriptorProto():
            return {_FIELDS: here.field, _NESTED: here.nested_type, _NESTED_ENUMS: here.enum_type}.get(kind)
        case descriptor_pb2.EnumDescriptorProto():
            return {_VALUES: here.value}.get(kind)
        case descriptor_pb2.ServiceDescriptorProto():
            return {_METHODS: here.method}.get(kind)
        case _:
            return None


if __name__ == "__main__":
    sys.exit(main())
