"""Stands in for `ts.torch_handler.image_classifier`."""

import importlib
from typing import Any

from modelway.adapters.torchserve.library.ts.torch_handler.vision_handler import VisionHandler
from modelway.adapters.torchserve.library.ts.utils.util import map_class_to_label


class ImageClassifier(VisionHandler):
    """The five likeliest classes of a picture, scaled and normalised as for ImageNet."""

    topk = 5

    def initialize(self, context: Any) -> None:
        super().initialize(context)
        if type(self).image_processing is None:
            transforms: Any = importlib.import_module("torchvision.transforms")
            type(self).image_processing = transforms.Compose(
                [
                    transforms.Resize(256),
                    transforms.CenterCrop(224),
                    transforms.ToTensor(),
                    transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
                ]
            )

    def set_max_result_classes(self, topk: int) -> None:
        self.topk = topk

    def get_max_result_classes(self) -> int:
        return self.topk

    def postprocess(self, data: Any) -> Any:
        torch: Any = importlib.import_module("torch")
        chances = torch.nn.functional.softmax(data, dim=1)
        best, classes = torch.topk(chances, self.topk, dim=1)
        return map_class_to_label(best.tolist(), self.mapping, classes.tolist())
