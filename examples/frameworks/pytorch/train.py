"""Trains the network in a few seconds: python -m examples.frameworks.pytorch.train."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from examples.frameworks.training import SEED, digits, write_digit_examples
from safetensors.torch import save_model
from torch.nn.functional import nll_loss

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # the handler's module, as it lies in the package
SIZES = {"channels": 8, "blocks": 1}
EPOCHS = 5


def main() -> None:
    from network import Network  # noqa: PLC0415 - found by the path above

    torch.manual_seed(SEED)
    data, network = digits(), Network(**SIZES)
    images = torch.from_numpy(data.seen / 16).reshape(-1, 1, 8, 8)
    labels = torch.from_numpy(data.seen_labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            nll_loss(network(images[chosen]), labels[chosen]).backward()
            optimizer.step()
    network.eval()
    save_model(network, str(HERE / "weights.safetensors"))
    (HERE / "network.json").write_text(json.dumps(SIZES), encoding="utf-8")
    with torch.no_grad():
        answers = network(torch.from_numpy(data.unseen / 16).reshape(-1, 1, 8, 8))
    write_digit_examples(HERE, data, np.exp(answers.numpy()))


if __name__ == "__main__":
    main()
