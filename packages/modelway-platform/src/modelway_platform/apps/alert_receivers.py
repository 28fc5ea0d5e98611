"""Who is told of anomalies, out of the environment."""

from collections.abc import Mapping

from modelway_platform.apps import alert_post
from modelway_platform.apps.alert_variables import ALERTMANAGER_VARIABLE, CALLBACKS_VARIABLE, WEBHOOK_VARIABLE
from modelway_platform.apps.jobs import rules_of
from modelway_platform.gateway.jobs.callbacks.callback_guard import CallbackRules
from modelway_platform.insight.anomalies.receivers import Receivers


def receivers_from(environment: Mapping[str, str], console: str) -> tuple[Receivers, CallbackRules]:
    """Who is told of anomalies, and which private addresses a webhook may have.

    Raises:
        InvalidRequestError: A variable cannot be used; the message names it.
    """
    receivers = Receivers(
        webhook=alert_post.receiver_url(WEBHOOK_VARIABLE, environment.get(WEBHOOK_VARIABLE, "")),
        alertmanager=alert_post.receiver_url(ALERTMANAGER_VARIABLE, environment.get(ALERTMANAGER_VARIABLE, "")),
        console=console,
    )
    return receivers, rules_of(environment.get(CALLBACKS_VARIABLE, ""))
