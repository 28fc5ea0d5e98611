"""A base image as an image of its own in a layout, so that other tools can build on it."""

from modelway_platform.deploy.images.bases.base_image import BaseImage
from modelway_platform.deploy.images.content.blobs import BlobFolder
from modelway_platform.deploy.images.content.descriptor import CONFIG, MANIFEST, canonical
from modelway_platform.deploy.images.content.layout import ImageLayout

_NO_TIME = "1970-01-01T00:00:00Z"


def write_base(base: BaseImage, blobs: BlobFolder, layout: ImageLayout, tag: str, architecture: str) -> None:
    """Gives the image `tag` in `layout`; its layers' blobs are in `blobs`."""
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": _NO_TIME,
        "config": dict(base.config),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in base.layers]},
        "history": [{"created": _NO_TIME, **each} for each in base.history],
    }
    for layer in base.layers:
        layout.blobs.adopt(layer.blob, blobs)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.blobs.add(canonical(config), CONFIG).to_json(),
        "layers": [layer.blob.to_json() for layer in base.layers],
    }
    layout.tag(tag, layout.blobs.add(canonical(document), MANIFEST))
