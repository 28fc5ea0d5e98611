"""How the requests of an endpoint run, in words: for `check`, `describe` and the page at `/docs`."""

from collections.abc import Iterator

from modelway.signature.values import EndpointSignature

PRIORITIES = "Modelway-Priority: 0 to 9, higher first, 4 unless given"


def running_text(endpoint: EndpointSignature) -> str:
    """On one line; empty where nothing is to be said."""
    return "; ".join(running_facts(endpoint))


def running_facts(endpoint: EndpointSignature) -> Iterator[str]:
    """What is declared of batches, of waiting for them, of requests side by side and of threads."""
    running = endpoint.running
    if endpoint.streaming:
        yield "streams"
    yield from _batches(endpoint)
    if running.max_wait_ms == "adaptive":
        yield "batches wait as long as pays"
    elif running.max_wait_ms:
        yield f"batches wait up to {running.max_wait_ms:g} ms behind another"
    if running.max_concurrency:
        what = "batch" if endpoint.max_batch_size is not None else "side by side"
        yield f"{running.max_concurrency} {what}" + (" at a time" if what == "batch" else "")
    if running.any_thread is not None:
        yield "in any thread" if running.any_thread else "in the model's thread only"
    if running.idempotent:
        yield "may run twice"


def fields_text(endpoint: EndpointSignature) -> str:
    """What it takes: names and types."""
    return ", ".join(
        f"{field.name}: {field.label}" + ("" if field.required else " (optional)") for field in endpoint.inputs
    )


def _batches(endpoint: EndpointSignature) -> Iterator[str]:
    if endpoint.max_batch_cost is not None:
        by = f" by {endpoint.running.cost}" if endpoint.running.cost else ""
        yield f"batches of up to {endpoint.max_batch_cost:g}{by}, {endpoint.max_batch_size} items at most"
    elif endpoint.max_batch_size is not None:
        yield f"batches of up to {endpoint.max_batch_size}"
