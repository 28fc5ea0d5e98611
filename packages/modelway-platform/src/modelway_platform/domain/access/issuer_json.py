"""Token issuers as JSON values: as the API takes and shows them, and as they are kept."""

from collections.abc import Mapping
from typing import Any

from modelway_platform.domain.access.token_issuer import DEFAULT_ALGORITHMS, TokenIssuer


def issuer_to_json(spec: TokenIssuer) -> dict[str, Any]:
    """Every member spelled out."""
    return {
        "name": spec.name,
        "issuer": spec.issuer,
        "audiences": list(spec.audiences),
        "keySetUrl": spec.key_set_url,
        "refreshSeconds": spec.refresh_seconds,
        "algorithms": list(spec.algorithms),
        "leewaySeconds": spec.leeway_seconds,
        "consumerClaim": spec.consumer_claim,
        "scopes": list(spec.scopes),
        "scopesClaim": spec.scopes_claim,
        "required": dict(spec.required),
    }


def issuer_from_json(value: Mapping[str, Any]) -> TokenIssuer:
    """The reverse; what is left out has its default. Types were checked before."""
    return TokenIssuer(
        name=value["name"],
        issuer=value["issuer"],
        audiences=tuple(value["audiences"]),
        key_set_url=value.get("keySetUrl", ""),
        refresh_seconds=value.get("refreshSeconds", 300.0),
        algorithms=tuple(value.get("algorithms") or DEFAULT_ALGORITHMS),
        leeway_seconds=value.get("leewaySeconds", 30.0),
        consumer_claim=value.get("consumerClaim", "sub"),
        scopes=tuple(value.get("scopes", ())),
        scopes_claim=value.get("scopesClaim", ""),
        required=tuple(sorted(value.get("required", {}).items())),
    )
