#!/usr/bin/env python3
"""Make packages/modelway/src/modelway/protos/ of proto/ (needs grpcio-tools, which is no dependency of ours otherwise).

The messages live in a descriptor pool of their own: a program that brings another copy of the protocol (NVIDIA's client, a
handler's library) would otherwise collide with ours at import.
"""

import importlib
import re
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "proto"
TARGET = ROOT / "packages/modelway/src/modelway/protos"
MODULES = {
    "open_inference": "open_inference.proto",
    "health": "grpc/health/v1/health.proto",
    "reflection": "grpc/reflection/v1/reflection.proto",
    "reflection_v1alpha": "grpc/reflection/v1alpha/reflection.proto",
}
MODULE = '''"""Messages of proto/{path}, made by scripts/generate_protos.py; in a pool of their own, beside anybody else's copy."""

from google.protobuf import descriptor_pool, message_factory

_POOL = descriptor_pool.DescriptorPool()
DESCRIPTOR = _POOL.AddSerializedFile(
{data}
)
{messages}
'''
LINE = 96


def main() -> int:
    """Write a module and its types per file."""
    protoc: Any = importlib.import_module("grpc_tools.protoc")
    descriptor_pb2: Any = importlib.import_module("google.protobuf.descriptor_pb2")
    TARGET.mkdir(exist_ok=True)
    for name, path in MODULES.items():
        with tempfile.TemporaryDirectory() as work:
            made = Path(work) / "set"
            if protoc.main(["", f"-I{SOURCE}", f"--descriptor_set_out={made}", f"--pyi_out={work}", path]):
                return 1
            file = descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes()).file[0]
            types = (Path(work) / path.replace(".proto", "_pb2.pyi")).read_text()
        types = re.sub(r"_Mapping(?=[],])", "_Mapping[str, _Any]", types)
        if "_Any]" in types:
            types = types.replace("from typing import ", "from typing import Any as _Any, ", 1)
        data = file.SerializeToString(deterministic=True)
        lines = "\n".join(f"    {data[at : at + LINE // 2]!r}" for at in range(0, len(data), LINE // 2))
        messages = "\n".join(
            f'{each.name} = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["{each.name}"])'
            for each in file.message_type
        )
        (TARGET / f"{name}.py").write_text(MODULE.format(path=path, data=lines, messages=messages))
        (TARGET / f"{name}.pyi").write_text(types)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
