#!/usr/bin/env python3
"""Make packages/modelway/src/modelway/protos/ of proto/*.proto (needs grpcio-tools, which is no dependency of ours otherwise).

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
MODULE = '''"""Messages of proto/{name}.proto, made by scripts/generate_protos.py; in a pool of their own, beside anybody else's copy."""

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
    for source in sorted(SOURCE.glob("*.proto")):
        with tempfile.TemporaryDirectory() as work:
            made = Path(work) / "set"
            if protoc.main(["", f"-I{SOURCE}", f"--descriptor_set_out={made}", f"--pyi_out={work}", source.name]):
                return 1
            file = descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes()).file[0]
            types = (Path(work) / f"{source.stem}_pb2.pyi").read_text()
        types = re.sub(r"_Mapping(?=[],])", "_Mapping[str, _Any]", types)
        types = types.replace("from typing import ", "from typing import Any as _Any, ", 1)
        data = file.SerializeToString(deterministic=True)
        lines = "\n".join(f"    {data[at : at + LINE // 2]!r}" for at in range(0, len(data), LINE // 2))
        messages = "\n".join(
            f'{each.name} = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["{each.name}"])'
            for each in file.message_type
        )
        (TARGET / f"{source.stem}.py").write_text(MODULE.format(name=source.stem, data=lines, messages=messages))
        (TARGET / f"{source.stem}.pyi").write_text(types)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
