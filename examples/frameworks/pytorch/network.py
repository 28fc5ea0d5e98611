"""The network: residual blocks over an image of 8 by 8."""

import torch
from torch import nn


class Block(nn.Module):
    """Two convolutions beside a way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.steps = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.relu(image + self.steps(image))


class Network(nn.Module):
    """Images (batch, 1, 8, 8) to logarithms of probabilities (batch, 10)."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1), *(Block(channels) for _ in range(blocks)), nn.Dropout(0.2)
        )
        self.head = nn.Linear(channels * 8 * 8, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.log_softmax(self.head(self.body(images).flatten(1)), dim=1)
