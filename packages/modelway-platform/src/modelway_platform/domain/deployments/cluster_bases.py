"""What images of a cluster are built on: one base, or the catalogue's, of which each package gets the one that fits it."""

from typing import Any

from modelway_platform.domain.parsing.document_fields import Fields

_BASE_RULE = "HOST/NAME:TAG, oci:DIR:TAG, or the path of a .tar"
_BASES_RULE = "oci:DIR, or HOST/NAME of a registry, without a tag"


def read_bases(fields: Fields) -> dict[str, str]:
    """`base` or `bases`, of which one has to be there and not both."""
    bases = fields.string("bases", "", check=_is_place, rule=_BASES_RULE)
    base = fields.string("base", "" if bases else None, check=_is_line, rule=_BASE_RULE)
    if base and bases:
        message = f"{fields.path_of('base')} and {fields.path_of('bases')}: only one of them can be meant"
        fields.complain(
            fields.mark_of("base"), message, "`bases` chooses by the package's framework, `base` is for all"
        )
    return {"base": base, "bases": bases}


def bases_to_json(base: str, bases: str) -> dict[str, Any]:
    """The members of the normal form."""
    return {"bases": bases} if bases else {"base": base}


def _is_place(text: str) -> bool:
    if text.startswith("oci:"):
        return _is_line(text) and ":" not in text.removeprefix("oci:")
    return _is_line(text) and "/" in text and ":" not in text.rpartition("/")[2] and "@" not in text


def _is_line(text: str) -> bool:
    return 0 < len(text) <= 1000 and text.isprintable()
