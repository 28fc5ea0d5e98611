"""Makes a tokenizer and a small BERT out of sentences.json, without the network: python -m examples.frameworks.transformers.train."""

import json
from pathlib import Path

import torch
from examples.frameworks.training import SEED, write_examples
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent
UNSEEN = (
    "Where is the nearest station?",
    "Wo ist der nächste Bahnhof?",
    "Où est la gare la plus proche ?",
    "¿Dónde está la estación?",
)
EPOCHS = 30


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Pieces of words as these texts have them."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=600, special_tokens=special))
    pairs = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=pairs)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names)


def main() -> None:
    torch.manual_seed(SEED)
    sentences: dict[str, list[str]] = json.loads((HERE / "sentences.json").read_text(encoding="utf-8"))
    languages = list(sentences)
    texts = [text for each in languages for text in sentences[each]]
    labels = torch.tensor([number for number, each in enumerate(languages) for _ in sentences[each]])
    tokenizer = make_tokenizer(texts)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
            max_position_embeddings=64, id2label=dict(enumerate(languages)), label2id={name: n for n, name in enumerate(languages)},
        )
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.005)
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    model.train()
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        model(**encoded, labels=labels).loss.backward()
        optimizer.step()
    model.eval()
    model.save_pretrained(HERE / "model")
    tokenizer.save_pretrained(HERE / "model")
    write_examples(HERE, [golden_example(model, tokenizer, text) for text in UNSEEN])
    print(f"transformers: {len(texts)} sentences seen, {len(UNSEEN)} unseen ones as golden examples")


def golden_example(
    model: BertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, text: str
) -> dict[str, object]:
    """What the model itself says of one text."""
    with torch.no_grad():
        shares = model(**tokenizer(text, return_tensors="pt")).logits.softmax(dim=1)[0]
    best = int(shares.argmax())
    answer = {"language": model.config.id2label[best], "confidence": round(float(shares[best]), 6)}
    return {"endpoint": "classify", "request": {"texts": text}, "response": answer, "tolerance": 1e-4}


if __name__ == "__main__":
    main()
