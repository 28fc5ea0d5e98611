"""Stands in for `ts.torch_handler.vision_handler`."""

import base64
import importlib
import io
from typing import Any

from modelway.adapters.torchserve.library.ts.torch_handler.base_handler import BaseHandler


class VisionHandler(BaseHandler):
    """Reads pictures, as files, base64 or nested lists; `image_processing` is the subclass's."""

    image_processing: Any = None

    def preprocess(self, data: Any) -> Any:
        """One tensor of all pictures."""
        torch: Any = importlib.import_module("torch")
        images: list[Any] = []
        for row in data:
            image: Any = row.get("data") or row.get("body")
            if isinstance(image, str):
                image = base64.b64decode(image)
            if isinstance(image, bytes | bytearray):
                picture: Any = importlib.import_module("PIL.Image").open(io.BytesIO(image))
                image = self.image_processing(picture)
            else:
                image = torch.FloatTensor(image)
            images.append(image)
        return torch.stack(images).to(self.device)
