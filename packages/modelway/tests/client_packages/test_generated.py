"""Typed client packages: made from hostile and ordinary models, installed where nothing else is, checked by pyright, and used."""

import ast
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from modelway.cli.main import main
from modelway.client.generator import Described, package_files
from modelway.client.generator.names import class_name, docstring, identifier, identifiers, module_name
from modelway.client.typed import read_value
from modelway.errors import UnavailableError
from modelway.packaging.lock import find_uv
from modelway.signature import EndpointSignature, Field, Signature

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
TEXTS = st.text(max_size=12) | st.sampled_from(
    ["class", "None", "self", "a-b", "a_b", "ﬁ", "fi", "", "__x", "1", "list"]
)


@given(texts=st.lists(TEXTS, max_size=8, unique=True))
def test_any_names_become_identifiers_that_differ(texts: list[str]) -> None:
    found = identifiers(texts)
    assert list(found) == texts
    assert len(set(found.values())) == len(texts)
    for name in found.values():
        code = f"def f(self, *, {name}: int) -> None: ...\nclass C:\n    {name} = 1\nassert C.{name} == 1"
        exec(compile(code, "x", "exec"), {})
        assert not name.startswith("_")
    assert identifier("größe") == "größe"


@given(TEXTS)
def test_any_text_becomes_a_class_a_module_and_a_docstring(text: str) -> None:
    assert class_name(text).isidentifier()
    assert module_name(text).isascii()
    assert module_name(text).isidentifier()
    code = f"def f():\n{docstring(text, '    ')}    return 1\n"
    said = ast.get_docstring(ast.parse(code).body[0]) or ""  # type: ignore[arg-type]
    printable = "".join(each if each.isprintable() or each == "\n" else " " for each in text)
    assert said.split() == printable.split()


def listed(each: Any) -> Any:
    return {"type": "array", "items": each}


def either(each: Any) -> Any:
    return {"anyOf": each}


def paired(each: Any) -> Any:
    return {"type": "array", "prefixItems": each}


def closed(title: str, each: Any) -> Any:
    return {"type": "object", "title": title, "properties": each, "additionalProperties": False}


def mapped(each: Any) -> Any:
    return {"type": "object", "additionalProperties": each}


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(listed, inner),
        st.builds(either, st.lists(inner, min_size=1, max_size=3)),
        st.builds(paired, st.lists(inner, max_size=3)),
        st.builds(closed, TEXTS, st.dictionaries(TEXTS, inner, max_size=3)),
        st.builds(mapped, inner),
    )


LEAVES: list[Any] = [
    {},
    {"type": "integer"},
    {"type": ["string", "null"]},
    {"type": "string", "contentEncoding": "base64"},
    {"type": "string", "format": "date-time"},
    {"enum": ["a", "b'\"\\", None]},
    {"enum": [1.5]},
    {"const": "x"},
    {"type": "object"},
    {"type": "object", "title": "object", "properties": {"class": {"type": "integer"}, "": {}}},
]
SCHEMAS = st.recursive(st.sampled_from(LEAVES), nested, max_leaves=6)
FIELDS = st.builds(Field, name=TEXTS, label=st.just(""), schema=SCHEMAS, required=st.booleans()) | st.builds(
    Field,
    name=TEXTS,
    label=st.just(""),
    schema=st.just({"type": "array"}),
    dtype=st.sampled_from(["float32", "int8", "bool", "str"]),
    shape=st.none() | st.just((2, None)),
)
ENDPOINTS = st.builds(
    EndpointSignature,
    name=TEXTS,
    inputs=st.lists(FIELDS, max_size=3, unique_by=lambda each: each.name).map(tuple),
    output=FIELDS,
    description=TEXTS,
    streaming=st.booleans(),
)


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    name=TEXTS,
    endpoints=st.lists(ENDPOINTS, min_size=1, max_size=3, unique_by=lambda each: each.name),
    arrays=st.sampled_from(["numpy", "lists"]),
)
def test_any_signature_becomes_modules_that_work(name: str, endpoints: list[EndpointSignature], arrays: Any) -> None:
    described = Described(name=name, version="1", signature=Signature(endpoints=tuple(endpoints)))
    files = package_files(described, arrays=arrays)
    assert files == package_files(described, arrays=arrays)
    modules = {path: text for path, text in files.items() if path.endswith(".py")}
    for path, text in modules.items():
        ast.parse(text, path)
    types = next((text for path, text in modules.items() if path.endswith("/types.py")), "")
    exec(compile(types, "types", "exec"), {})
    client = next(text for path, text in modules.items() if path.endswith("/client.py"))
    methods = [
        node.name
        for each in ast.parse(client).body
        if isinstance(each, ast.ClassDef)
        for node in each.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(methods) == 2 * len(endpoints)


def test_answers_of_another_signature_are_said_to_be_so() -> None:
    assert read_value([1], list[int]) == [1]
    with pytest.raises(UnavailableError, match="not what this client was made for"):
        read_value({"a": 1}, list[int])


def started(command: Sequence[str], folder: Path, stack: ExitStack) -> str:
    """Starts a model server; its address."""
    process = stack.enter_context(
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    )
    stack.callback(process.terminate)
    assert process.stdout is not None
    ready = next(line for line in map(bytes.decode, process.stdout) if line.startswith("ready"))
    return f"http://{ready.split('http://')[1].split()[0]}"


@pytest.fixture(scope="module")
def servers() -> Generator[dict[str, str], None, None]:
    serve = [sys.executable, "-P", "-m", "modelway.cli.main", "serve"]
    with ExitStack() as stack:
        hello = started([*serve, str(ROOT / "examples/hello"), "--port", "0"], ROOT, stack)
        hostile = started([*serve, "hostile:Hostile", "--port", "0", "--grpc-port", "off"], HERE, stack)
        yield {"hello": hello, "hostile": hostile}


PROGRAM = """
import asyncio
import io
import sys

import numpy as np

from hello_client import AsyncHelloClient, Greeting, HelloClient
from hostile_client import Aliased, AsyncHostileClient, Box, BoxAnswer, HostileClient, Strange
from modelway.client import CallOptions
from modelway.errors import InvalidInputError

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63f80f00010101001bb6ee560000000049454e44ae426082"
)


class Picture:
    def save(self, fp: io.IOBase, /, format: str | None = None) -> None:
        fp.write(PNG)


def ask(hello: HelloClient, model: HostileClient) -> None:
    greeting: Greeting = hello.greet(name="Ada", language="de")
    assert greeting.text.endswith("Ada!")
    said: str = model.class_(input="i", id=7, options_="o")
    assert said == "i 7 o 0"
    nothing: None = model.close_()
    assert nothing is None
    assert (model.a_b(x=2.0), model.a_b_2(x=2.0)) == (2.0, -2.0)
    strange = Strange(n2_much=0.5, hidden=True, a_b="1", a_b_2="2", class_=3, list_=[4])
    everything = model.list_(
        CallOptions(timeout=20),
        box=Box(left=1, shade=np.ones(2, np.float32)),
        strange=strange,
        aliased=Aliased(from_=5),
    )
    assert everything.strange == strange
    assert everything.scores.dtype == np.float64 and everything.scores.tolist() == [1.0, 1.0, 1.0]
    box: BoxAnswer = everything.box
    assert box.left == 1 and box.shade is not None and box.shade.dtype == np.float32
    assert (everything.pair, everything.picture, everything.maybe, everything.either) == ((1, "x"), b"\\xff", None, "s")
    picture: bytes = model.resize(größe=PNG, matrix=[[1, 2]])
    assert picture.startswith(b"\\x89PNG")
    pieces: list[BoxAnswer] = list(model.count(n=3))
    assert [piece.left for piece in pieces] == [0, 1, 2]
    assert list(model.wait(words=["a", "b"])) == ["a", "b"]
    assert list(model.wait()) == []
    try:
        model.class_(input="i", id=2**70)
    except InvalidInputError as error:
        assert "id" in error.message
    else:
        raise AssertionError


async def ask_side_by_side(url: str, hello: str) -> None:
    async with AsyncHostileClient(url=url) as model, AsyncHelloClient(url=hello) as greeter:
        answers = await asyncio.gather(*(model.a_b(x=float(number)) for number in range(20)))
        assert answers == [float(number) for number in range(20)]
        assert [piece.left async for piece in model.count(n=3)] == [0, 1, 2]
        async with model.count(n=30) as pieces:
            async for piece in pieces:
                assert piece.left == 0
                break
        await greeter.greet(name="Ada")


def main() -> None:
    hello_url, hostile_url = sys.argv[1:]
    with HelloClient(url=hello_url) as hello, HostileClient(url=hostile_url) as model:
        ask(hello, model)
    asyncio.run(ask_side_by_side(hostile_url, hello_url))
    print("all right")


main()
"""


@pytest.mark.slow
def test_they_are_installed_checked_and_used(servers: dict[str, str], tmp_path: Path) -> None:
    """A new environment with the generated packages, the SDK and what they need; pyright in strict mode; real calls."""
    sources = {"hello": str(ROOT / "examples/hello"), "hostile": servers["hostile"]}
    for name, source in sources.items():
        assert main(["client", "generate", source, "-o", str(tmp_path / name)]) == 0
    uv = [find_uv(), "--quiet"]
    subprocess.run([*uv, "venv", "--python", sys.executable, str(tmp_path / "venv")], check=True, timeout=60)
    python = tmp_path / "venv" / "bin" / "python"
    packages = [str(tmp_path / name) for name in sources] + [str(ROOT / "packages/modelway")]
    subprocess.run([*uv, "pip", "install", "--python", str(python), *packages], check=True, timeout=110)
    (tmp_path / "program.py").write_text(PROGRAM)
    configuration = '{"typeCheckingMode": "strict", "include": ["program.py", "hello/src", "hostile/src"]}'
    (tmp_path / "pyrightconfig.json").write_text(configuration)
    pyright = [sys.executable, "-m", "pyright", "--pythonpath", str(python), "--project", str(tmp_path)]
    checked = subprocess.run(pyright, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
    assert checked.returncode == 0, checked.stdout[-4000:]
    command = [str(python), "program.py", servers["hello"], servers["hostile"]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "all right\n", done.stderr[-4000:]
