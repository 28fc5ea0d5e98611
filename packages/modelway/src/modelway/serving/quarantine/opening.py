"""Makes the quarantine that a worker's settings ask for."""

from modelway.serving.events import Events
from modelway.serving.quarantine.keeper import Quarantine, Tally
from modelway.serving.settings import WorkerSettings
from modelway.signature import Signature


def open_quarantine(settings: WorkerSettings, signature: Signature, tally: Tally, events: Events) -> Quarantine | None:
    """Where failed inputs are kept, if that is asked for.

    Args:
        settings: What is asked for.
        signature: The names of each endpoint's fields.
        tally: Counts samples.
        events: Where trouble is written.
    """
    asked, identity = settings.quarantine, settings.identity
    if asked is None:
        return None
    return Quarantine(
        asked,
        signature,
        f"{identity.project}/{identity.model}/{identity.version}" if identity.project else settings.target.name,
        settings.replica,
        tally=tally,
        failed=lambda error: events.emit(
            "quarantine_not_written", error=error, hint="see modelway_quarantine_dropped_total"
        ),
    )
