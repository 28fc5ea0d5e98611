"""The API of one model server as an OpenAPI 3.1 document, made from its signature."""

from typing import Any

from modelway.signature import EndpointSignature, Field, Signature, example_of

_ERRORS = {
    "400": "The body is not JSON.",
    "413": "The body is too large.",
    "422": "The JSON is not what the signature declares; the message names the field.",
    "500": "The model's own code failed.",
    "503": "Not ready, or too many requests wait already; see Retry-After.",
    "504": "The time given was over.",
}


def openapi_document(signature: Signature, title: str, version: str) -> dict[str, Any]:
    """The document, as JSON values."""
    paths: dict[str, Any] = {f"/{each.name}": {"post": _operation(each)} for each in signature.endpoints}
    for path, about in (("/livez", "The process answers."), ("/readyz", "Every worker can answer requests.")):
        paths[path] = {
            "get": {
                "operationId": path[1:],
                "tags": ["server"],
                "summary": about,
                "responses": {"200": {"description": "Yes."}, "503": {"description": "No."}},
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version or "0"},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": {"Error": _error_schema()}},
    }


def request_example(endpoint: EndpointSignature) -> dict[str, Any]:
    """A request that fits the signature's types: the required fields with small values."""
    return {each.name: example_of(each.schema) for each in endpoint.inputs if each.required}


def _operation(endpoint: EndpointSignature) -> dict[str, Any]:
    summary, _, rest = endpoint.description.partition("\n")
    failed = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": ["model"],
        "summary": summary or endpoint.name,
        "parameters": [
            {
                "name": "X-Request-Id",
                "in": "header",
                "required": False,
                "description": "Comes back in the answer, in errors and in logs; made when absent.",
                "schema": {"type": "string", "maxLength": 128},
            },
            *_query_parameters(endpoint),
        ],
        "requestBody": {
            "required": True,
            "content": _request_content(endpoint),
        },
        "responses": {
            "200": {"description": _answer_text(endpoint), "content": _answer_content(endpoint)},
            **{status: {"description": about, **failed} for status, about in _ERRORS.items()},
        },
    }
    return operation | {"description": rest.strip()} if rest.strip() else operation


def _request_content(endpoint: EndpointSignature) -> dict[str, Any]:
    """JSON; a form; and, where one field can be the whole body, that field's own media types."""
    schema = endpoint.request_schema
    form = schema | {"properties": {each.name: _part_schema(each) for each in endpoint.inputs}}
    content: dict[str, Any] = {
        "application/json": {"schema": schema, "example": request_example(endpoint)},
        "multipart/form-data": {"schema": form},
    }
    raw = next((each for each in endpoint.inputs if each.name == endpoint.raw_field), None)
    if raw is not None:
        content |= {media: {"schema": {"description": f"The field `{raw.name}`."}} for media in raw.media}
    return content


def _query_parameters(endpoint: EndpointSignature) -> list[dict[str, Any]]:
    """Fields beside a raw body."""
    if not endpoint.raw_field:
        return []
    return [
        {
            "name": each.name,
            "in": "query",
            "required": False,
            "description": f"Only beside a body that is `{endpoint.raw_field}` itself.",
            "schema": dict(each.schema),
        }
        for each in endpoint.inputs
        if each.name != endpoint.raw_field
    ]


def _part_schema(field: Field) -> dict[str, Any]:
    if not field.media or field.media == ("text/plain",):
        return dict(field.schema)
    return {"type": "string", "contentMediaType": field.media[0]}


def _answer_text(endpoint: EndpointSignature) -> str:
    label = endpoint.output.label
    if not endpoint.streaming:
        return label
    return (
        f"A stream of {label}: by `Accept`, server-sent events with one in each `data` and a failure as `event: error`, "
        f'or a line of JSON each with a failure as a last line `{{"error": ...}}`, or all of them as one JSON list.'
    )


def _answer_content(endpoint: EndpointSignature) -> dict[str, Any]:
    schema = dict(endpoint.output.schema)
    if not endpoint.streaming:
        own = {"image/*": "image/png"}
        raw: dict[str, Any] = {own.get(media, media): {"schema": {}} for media in endpoint.output.media}
        return {"application/json": {"schema": schema}} | raw
    return {
        "application/x-ndjson": {"schema": schema},
        "text/event-stream": {"schema": {"type": "string", "contentMediaType": "application/json"}},
        "application/json": {"schema": {"type": "array", "items": schema}},
    }


def _error_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "hint", "request_id"],
                "properties": {"code": text, "message": text, "hint": text, "request_id": text},
            }
        },
    }
