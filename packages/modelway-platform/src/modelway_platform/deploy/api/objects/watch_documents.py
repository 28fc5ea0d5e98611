"""Changes of documents one after another, from a number on: who was away misses nothing.

Every change of a document, of its status too, gives its row a number above all others. A watch sends, in the order of these
numbers, each document that changed since the number it was given, as it is now: what changed twice meanwhile comes once, and
what was removed comes as removed, since rows stay. So no history has to be kept for it, and no number is ever too old.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from modelway.errors import ConflictError
from modelway_platform.deploy.api.objects.record_json import record_json
from modelway_platform.deploy.api.parts import Watching
from modelway_platform.deploy.api.streaming import QUIET_SECONDS
from modelway_platform.store.declared import document_rows
from modelway_platform.store.declared.documents import Documents

_AT_ONCE = 500


async def document_changes(
    documents: Documents, watching: Watching, since: int, kind: str = "", project: str = ""
) -> AsyncIterator[dict[str, Any] | None]:
    """The changes after `since`, then one that says `upToDate`, then those to come; None while there is none.

    Raises:
        ConflictError: There is no such number yet: it is another platform's, or this one's state is older than it was.
    """
    told = False
    while not watching.closing.is_set():
        seen = watching.changes.number
        newest, rows = await asyncio.to_thread(documents.changed_after, since, _AT_ONCE)
        if since > newest:
            raise ConflictError(
                f"sequence {since} is ahead of this platform's {newest}", hint="watch anew, without `since`"
            )
        for row in rows:
            since = row.sequence
            if not document_rows.is_known(row):
                continue
            if (not kind or row.kind == kind) and (not project or row.name.startswith(f"{project}/")):
                yield {"sequence": row.sequence, "upToDate": False, **_change(row)}
        if rows:
            continue
        if not told:
            told = True
            yield {"sequence": since, "upToDate": True, "kind": "", "name": "", "removed": False, "object": None}
        if await watching.changes.wait(seen, QUIET_SECONDS) == seen:
            yield None


def _change(row: Any) -> dict[str, Any]:
    found = None if row.removed else record_json(document_rows.record(row))
    return {"kind": row.kind, "name": row.name, "removed": bool(row.removed), "object": found}
