"""What is read off a pipeline's class: its graph, its drawing, and mistakes that no request could survive."""

import asyncio
from typing import Annotated, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelway import Handler, Pipeline, RemoteStep, Shape, Step, inference, together
from modelway.errors import InvalidHandlerError
from modelway.signature import Signature, bind, signature_of
from modelway.signature.flow_text import flow_lines

Image = Annotated[NDArray[np.float32], Shape(8, 8)]


class Detect(Handler):
    @inference
    def find(self, image: Image) -> list[str]:
        raise NotImplementedError

    @inference
    def count(self, image: Image) -> int:
        raise NotImplementedError


class Classify(Handler):
    @inference
    def label(self, crop: str, limit: int = 3) -> float:
        raise NotImplementedError


class Whole(Pipeline):
    find = Step(Detect, files="detect", endpoint="find")
    count = Step(Detect, files="detect", endpoint="count")
    label = Step(Classify)
    far = RemoteStep("vision/digits", endpoint="read")

    @inference
    async def read(self, image: Image, *, deep: bool = False) -> Any:
        boxes, many = await asyncio.gather(self.find(image=image), self.count(image))
        labels = await together(self.label(crop=box) for box in boxes)
        if deep and many > 3:
            for label in labels:
                await self.helper(label)
        else:
            await self.far(image=image)
        return labels

    async def helper(self, label: float) -> None:
        await self.label(str(label))


DRAWING = """\
read(image, deep)
├─ together
│  ├─ find                       Detect.find
│  └─ count                      Detect.count
├─ each box in boxes, together
│  └─ label                      Classify.label
├─ if deep and many > 3
│  └─ each label in labels
│     └─ label                   Classify.label
└─ otherwise
   └─ far                        vision/digits/read (deployed)"""


def test_the_graph_is_drawn_from_the_source() -> None:
    assert "\n".join(flow_lines(signature_of(Whole))) == DRAWING


def test_the_graph_survives_the_manifest_and_older_ones_have_none() -> None:
    signature = signature_of(Whole)
    assert Signature.from_json(signature.to_json()) == signature
    plain = signature_of(Classify)
    written = plain.to_json()
    assert "steps" not in written
    assert "flow" not in written["endpoints"][0]
    assert Signature.from_json(written) == plain
    assert flow_lines(plain) == []


def test_without_source_the_steps_are_still_known() -> None:
    space: dict[str, Any] = {"Pipeline": Pipeline, "Step": Step, "Classify": Classify, "inference": inference}
    code = "class P(Pipeline):\n    s = Step(Classify)\n    @inference\n    async def go(self) -> float:\n        return await self.s('a')"
    exec(compile(code, "<nowhere>", "exec"), space)
    signature = signature_of(space["P"])
    assert ([each.name for each in signature.steps], signature.endpoints[0].flow) == (["s"], ())
    assert flow_lines(signature)[1] == "└─ the source is not there to be read"


class Empty(Pipeline):
    @inference
    async def go(self) -> None:
        raise NotImplementedError


class Ambiguous(Pipeline):
    detect = Step(Detect)

    @inference
    async def go(self) -> None:
        raise NotImplementedError


class NoSuch(Pipeline):
    detect = Step(Detect, endpoint="fnd")

    @inference
    async def go(self) -> None:
        raise NotImplementedError


class NotAsync(Pipeline):
    label = Step(Classify)

    @inference
    def go(self) -> None:
        raise NotImplementedError


class Batched(Pipeline):
    label = Step(Classify)

    @inference(max_batch_size=4)
    async def go(self, texts: list[str]) -> list[str]:
        raise NotImplementedError


class Streams(Handler):
    @inference
    def words(self) -> Any:
        yield 1


class OfStreams(Pipeline):
    words = Step(Streams)

    @inference
    async def go(self) -> None:
        raise NotImplementedError


class Unknown(Pipeline):
    label = Step(Classify)

    @inference
    async def go(self, text: str) -> float:
        return await self.label(crop=text, size=3)


class Missing(Pipeline):
    label = Step(Classify)

    @inference
    async def go(self) -> float:
        return await self.label(limit=3)


class Misfit(Pipeline):
    label = Step(Classify)

    @inference
    async def go(self, text: str) -> float:
        score = await self.label(text)
        return await self.label(crop=score)


class WrongShape(Pipeline):
    find = Step(Detect, endpoint="find")

    @inference
    async def go(self, image: Annotated[NDArray[np.float32], Shape(4, 8)]) -> list[str]:
        return await self.find(image=image)


class WrongItems(Pipeline):
    find = Step(Detect, endpoint="find")
    count = Step(Detect, endpoint="count")
    label = Step(Classify)

    @inference
    async def go(self, image: Image) -> list[float]:
        found = await self.find(image)
        return [await self.label(crop="a", limit=each) for each in found]


class ByPosition(Pipeline):
    far = RemoteStep("vision/digits")

    @inference
    async def go(self, text: str) -> Any:
        return await self.far(text)


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (Empty, "Empty has no step"),
        (Ambiguous, "Ambiguous.detect: Detect has 2 endpoints"),
        (NoSuch, "Detect has no endpoint 'fnd'"),
        (NotAsync, "NotAsync.go: an endpoint of a pipeline waits for its steps"),
        (Batched, "Batched.go: an endpoint of a pipeline takes one request"),
        (OfStreams, "'words' streams"),
        (Unknown, "step 'label' is given 'size', which it does not take"),
        (Missing, "step 'label' is not given 'crop'"),
        (Misfit, r"line \d+: step 'label' takes crop: str, but is given float \(score\)"),
        (WrongShape, r"step 'find' takes image: float32\[8, 8\], but is given float32\[4, 8\] \(image\)"),
        (WrongItems, r"step 'label' takes limit: int, but is given str \(each\)"),
        (ByPosition, "takes fields by name"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_loaded(pipeline: type[Pipeline], said: str) -> None:
    with pytest.raises(InvalidHandlerError, match=said):
        bind(pipeline)


class Hidden(Pipeline):
    label = Step(Classify)

    @inference
    async def go(self, text: str) -> list[Any]:
        score = await self.label(text)

        async def ask(score: str) -> Any:
            return await self.label(crop=score)

        return [await ask(str(score))]

    @inference
    async def again(self, text: str) -> float:
        score: Any = await self.label(crop=text)
        score = str(score)
        return await self.label(crop=score)


def test_names_that_are_several_things_are_not_judged() -> None:
    assert [each.name for each in signature_of(Hidden).endpoints] == ["go", "again"]


@pytest.mark.parametrize("files", ["/abs", "../up", "a/../../b"])
def test_files_stay_below_the_pipelines_own(files: str) -> None:
    with pytest.raises(ValueError, match="below"):
        Step(Classify, files=files)


@pytest.mark.parametrize("model", ["digits", "a/b/c/d", "a//b", ""])
def test_a_deployed_model_has_project_and_name(model: str) -> None:
    with pytest.raises(ValueError, match="PROJECT/MODEL"):
        RemoteStep(model)
