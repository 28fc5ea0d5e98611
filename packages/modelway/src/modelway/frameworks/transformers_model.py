"""Transformers: a model with its tokenizer from a folder of the package, never from the network; texts in, arrays or texts out."""

import threading
from collections.abc import Generator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from modelway.errors import LoadError
from modelway.frameworks.needs import first_line, framework, model_file, thread_count
from modelway.frameworks.torch_model import TorchModel, torch_device
from modelway.frameworks.warm_up import batch_sizes, run_warm
from modelway.handler import Handler

_ENDLESS = 1_000_000  # tokenizers that know no limit say a number larger than this
_USUAL_LENGTH = 512


class TransformersModel:
    """A model with its tokenizer, on its device.

    Args:
        model: The model, called as PyTorch's are.
        tokenizer: What makes numbers of texts.
        max_length: Longer texts are cut, in tokens.
    """

    def __init__(self, model: TorchModel, tokenizer: Any, max_length: int) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = max_length

    def __call__(self, texts: Sequence[str], **options: Any) -> dict[str, Any]:
        """The model's outputs by name (`logits`, `last_hidden_state`) as arrays whose first axis is as long as `texts`.

        Several texts are padded to the longest; the tokens' mask is in the result as `attention_mask`.
        """
        encoded = self.tokens(texts)
        answer: dict[str, Any] = self.model(**encoded, **options)
        return {**answer, "attention_mask": encoded["attention_mask"]}

    def tokens(self, texts: Sequence[str]) -> dict[str, Any]:
        """What the model is called with, as arrays (batch, tokens)."""
        several = len(texts) > 1
        return dict(
            self.tokenizer(
                list(texts), padding=several, truncation=True, max_length=self.max_length, return_tensors="np"
            )
        )

    def generate(self, texts: Sequence[str], *, max_new_tokens: int = 64, **options: Any) -> list[str]:
        """What the model writes after each text, without it."""
        encoded = {name: self.model.tensor(each) for name, each in self.tokens(texts).items()}
        with framework("torch").inference_mode():
            written = self.model.module.generate(**encoded, max_new_tokens=max_new_tokens, **options)
        new = written if self.model.module.config.is_encoder_decoder else written[:, encoded["input_ids"].shape[1] :]
        return list(self.tokenizer.batch_decode(new, skip_special_tokens=True))

    def stream(self, text: str, *, max_new_tokens: int = 64, **options: Any) -> Generator[str, None, None]:
        """What the model writes after the text, word by word; left early, it stops at the next token."""
        transformers, left = framework("transformers"), threading.Event()
        pieces = transformers.TextIteratorStreamer(self.tokenizer, skip_prompt=True, skip_special_tokens=True)
        failed: list[BaseException] = []

        def stop(*_: Any, **__: Any) -> bool:
            return left.is_set()

        def write() -> None:
            try:
                limits = {"max_new_tokens": max_new_tokens, "stopping_criteria": [stop], **options}
                encoded = {name: self.model.tensor(each) for name, each in self.tokens([text]).items()}
                with framework("torch").inference_mode():
                    self.model.module.generate(**encoded, streamer=pieces, **limits)
            except BaseException as error:  # noqa: BLE001 - raised where the pieces are read
                failed.append(error)
                pieces.end()

        writer = threading.Thread(target=write, name="generate")
        writer.start()
        try:
            yield from (piece for piece in pieces if piece)
        finally:
            left.set()
            writer.join()
        if failed:
            raise failed[0]


def load_transformers(
    handler: Handler,
    folder: str,
    model_class: str = "AutoModel",
    *,
    example: str = "",
    dtype: str = "",
    max_length: int | None = None,
    threads: int | None = None,
    trusted: bool = False,
) -> TransformersModel:
    """Opens what `save_pretrained` of a model and of its tokenizer wrote into one folder.

    Args:
        handler: The handler: its files, device and batch sizes count.
        folder: The folder among the package's files.
        model_class: Name of the class in `transformers`, such as `AutoModelForSequenceClassification`.
        example: A text for the warm-up; none leaves it to the first caller.
        dtype: What the weights become, such as `bfloat16`.
        max_length: Longer texts are cut, in tokens; the tokenizer's own limit unless given.
        threads: Threads within an operation; this process's share of the cores unless given.
        trusted: Reads weights in pickles and code in the folder, and runs it.

    Raises:
        LoadError: Folder, class, device, dtype or threads cannot be used, or the first call fails.
    """
    torch, transformers = framework("torch"), framework("transformers")
    path = model_file(handler, folder, folder=True)
    device = torch_device(torch, handler.device)
    wanted = getattr(torch, dtype, None) if dtype else None
    if dtype and not isinstance(wanted, torch.dtype):
        raise LoadError(f"dtype '{dtype}' is none of PyTorch's", hint="float32, float16 or bfloat16")
    torch.set_num_threads(thread_count(handler, threads))
    kind = getattr(transformers, model_class, None)
    if kind is None or not hasattr(kind, "from_pretrained"):
        close = get_close_matches(model_class, dir(transformers), n=1)
        raise LoadError(
            f"transformers has no class '{model_class}'", hint=f"did you mean '{close[0]}'?" if close else ""
        )
    tokenizer, model = _open(transformers, path, kind, trusted=trusted)
    model.to(device) if wanted is None else model.to(device, wanted)
    model.eval().requires_grad_(requires_grad=False)
    if tokenizer.pad_token is None:  # models that were trained on one text at a time
        tokenizer.pad_token = tokenizer.eos_token
    if not model.config.is_encoder_decoder and hasattr(model, "generate") and model.can_generate():
        tokenizer.padding_side = "left"  # what is written follows the text at once
    longest = max_length or (tokenizer.model_max_length if tokenizer.model_max_length < _ENDLESS else _USUAL_LENGTH)
    ready = TransformersModel(TorchModel(model, device), tokenizer, longest)
    for size in batch_sizes(handler) if example else ():
        run_warm(lambda size=size: ready([example] * size), size)
    return ready


def _open(transformers: Any, path: Path, kind: Any, *, trusted: bool) -> tuple[Any, Any]:
    weights = [each.name for each in path.iterdir() if each.suffix in {".safetensors", ".bin"}]
    if not trusted and not any(name.endswith(".safetensors") for name in weights):
        found = f"has pickled weights only ({', '.join(weights)})" if weights else "has no weights"
        raise LoadError(f"{path.name} {found}", hint="write model and tokenizer there with save_pretrained(folder)")
    here = {"local_files_only": True, "trust_remote_code": trusted}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(path, **here)
        model = kind.from_pretrained(path, use_safetensors=None if trusted else True, **here)
    except Exception as error:  # a wrong folder raises whatever its parts do
        message = f"{path.name} cannot be opened: {type(error).__name__}: {first_line(error)}"
        raise LoadError(message, hint="write model and tokenizer there with save_pretrained(folder)") from error
    return tokenizer, model
