"""The context a TorchServe handler gets (ts/context.py there): manifest, system properties, what is known of each request."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelway.context import Context

OK = 200


class NoMetrics:
    """Takes whatever a handler measures (`add_time`, `add_counter`, `get_metric(...).add_or_update(...)`) and keeps none of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._take

    def _take(self, *arguments: Any, **named: Any) -> "NoMetrics":
        return self


class ServeContext:
    """What handlers of TorchServe read and set.

    Args:
        name: The model's name.
        folder: Where the archive's files are.
        manifest: `MAR-INF/MANIFEST.json`.
        batch_size: Most requests in one call.
        gpu: Index of the GPU; None on a CPU.
        config: `model-config.yaml`, as values.
    """

    def __init__(
        self,
        *,
        name: str,
        folder: str,
        manifest: Mapping[str, Any],
        batch_size: int,
        gpu: int | None,
        config: Mapping[str, Any],
    ) -> None:
        self.model_name = name
        self.manifest = manifest
        self.system_properties = {
            "model_dir": folder,
            "gpu_id": gpu,
            "batch_size": batch_size,
            "server_name": "modelway",
            "server_version": "0",
            "limit_max_image_pixels": True,
        }
        self.model_yaml_config = config
        self.metrics = NoMetrics()
        self.request_ids: dict[int, str] = {}
        self.statuses: list[tuple[int, str]] = []
        self._requests: Sequence[Context] = ()
        self._response_headers: list[dict[str, str]] = []

    def begin(self, requests: Sequence[Context]) -> None:
        """These requests are asked about next."""
        self._requests = requests
        self.request_ids = {index: each.request_id for index, each in enumerate(requests)}
        self.statuses = [(OK, "")] * len(requests)
        self._response_headers = [{} for _ in requests]

    def get_request_id(self, idx: int = 0) -> str | None:
        return self.request_ids.get(idx)

    def get_request_header(self, idx: int, key: str) -> str | None:
        return self._requests[idx].headers.get(key.lower())

    def get_all_request_header(self, idx: int) -> dict[str, str]:
        return dict(self._requests[idx].headers)

    def set_response_status(self, code: int = OK, phrase: str = "", idx: int = 0) -> None:
        """A status of 400 and more becomes an error for that request alone."""
        self.statuses[idx] = (code, phrase)

    def set_all_response_status(self, code: int = OK, phrase: str = "") -> None:
        self.statuses = [(code, phrase)] * len(self.statuses)

    def get_response_status(self, idx: int) -> tuple[int, str]:
        return self.statuses[idx]

    def set_response_content_type(self, idx: int, value: str) -> None:
        self.set_response_header(idx, "content-type", value)

    def get_response_content_type(self, idx: int) -> str | None:
        return self._response_headers[idx].get("content-type")

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Kept for the handler to read; answers here have the server's own headers."""
        self._response_headers[idx][key] = value

    def get_response_headers(self, idx: int) -> dict[str, str]:
        return self._response_headers[idx]
