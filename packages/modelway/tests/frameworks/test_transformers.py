"""Transformers: a folder of model and tokenizer, padded batches, generation and streams; nothing from the network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelway import Handler
from modelway.errors import LoadError
from modelway.frameworks import load_transformers

transformers: Any = pytest.importorskip("transformers", reason="Transformers is not installed in this environment")
torch: Any = pytest.importorskip("torch")
tokenizers: Any = pytest.importorskip("tokenizers")
Make = Callable[..., Handler]
WORDS = ["[PAD]", "[UNK]", "[END]", "one", "two", "three", "four", "five"]


def write_tokenizer(folder: Path) -> None:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: n for n, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    names = {"unk_token": "[UNK]", "eos_token": "[END]", "pad_token": "[PAD]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=16, **names).save_pretrained(
        folder
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier and a writer with seeded random weights."""
    files = tmp_path_factory.mktemp("files")
    torch.manual_seed(7)
    sizes = {
        "vocab_size": len(WORDS),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    config = transformers.BertConfig(**sizes, max_position_embeddings=16, num_labels=3, pad_token_id=0)
    transformers.BertForSequenceClassification(config).save_pretrained(files / "classifier")
    config = transformers.GPT2Config(
        vocab_size=len(WORDS),
        n_positions=32,
        n_embd=16,
        n_layer=1,
        n_head=2,
        bos_token_id=2,
        eos_token_id=2,
        pad_token_id=0,
    )
    transformers.GPT2LMHeadModel(config).save_pretrained(files / "writer")
    for each in ("classifier", "writer"):
        write_tokenizer(files / each)
    return files


@pytest.fixture
def ready(handler: Make, folders: Path) -> Make:
    def make(**words: Any) -> Handler:
        made = handler(**words)
        made.files = folders
        return made

    return make


def test_a_padded_batch_answers_as_each_text_alone(ready: Make) -> None:
    model = load_transformers(ready(), "classifier", "AutoModelForSequenceClassification", example="one two")
    texts = ["one", "two three four five one", "five"]
    together = model(texts)
    assert together["logits"].shape == (3, 3)
    assert together["attention_mask"].sum(axis=1).tolist() == [1, 5, 1]
    for text, row in zip(texts, together["logits"], strict=True):
        np.testing.assert_allclose(model([text])["logits"][0], row, atol=1e-5)
    assert model.tokens(["one " * 40])["input_ids"].shape == (1, 16)
    short = load_transformers(ready(), "classifier", max_length=4)
    assert short(["one " * 40])["last_hidden_state"].shape == (1, 4, 16)
    assert not model.model.module.training


def test_what_is_streamed_is_what_is_generated(ready: Make) -> None:
    model = load_transformers(ready(), "writer", "AutoModelForCausalLM")
    told = {"max_new_tokens": 8, "do_sample": False}
    (whole,) = model.generate(["one two"], **told)
    assert "".join(model.stream("one two", **told)).split() == whole.split()
    assert model.generate(["one two", "three"], **told)[0].split() == whole.split()
    pieces = model.stream("one two", max_new_tokens=24, do_sample=False, eos_token_id=None)
    assert next(pieces)
    pieces.close()  # the caller left: its thread ends, too


def test_an_error_while_writing_reaches_the_reader(ready: Make) -> None:
    model = load_transformers(ready(), "writer", "AutoModelForCausalLM")
    with pytest.raises(ValueError, match="no_such_option"):
        list(model.stream("one", no_such_option=1))


def test_what_cannot_be_opened(ready: Make, folders: Path) -> None:
    with pytest.raises(LoadError, match="no class 'AutoModelForSequenceClasification'") as refusal:
        load_transformers(ready(), "classifier", "AutoModelForSequenceClasification")
    assert "AutoModelForSequenceClassification" in refusal.value.hint
    with pytest.raises(LoadError, match="no model file missing"):
        load_transformers(ready(), "missing")
    (folders / "empty").mkdir(exist_ok=True)
    with pytest.raises(LoadError, match="empty has no weights"):
        load_transformers(ready(), "empty")
    (folders / "empty" / "pytorch_model.bin").touch()
    with pytest.raises(LoadError, match="has pickled weights only"):
        load_transformers(ready(), "empty")
    (folders / "empty" / "model.safetensors").touch()
    with pytest.raises(LoadError, match="empty cannot be opened"):
        load_transformers(ready(), "empty")
    if not torch.cuda.is_available():
        with pytest.raises(LoadError, match="device 'cuda'"):
            load_transformers(ready(device="cuda"), "classifier")
