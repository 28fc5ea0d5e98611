"""Who calls: the name that limits count by, records show and replicas are told."""

import re

CONSUMER_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,61}[A-Za-z0-9])?"
CONSUMER_RULE = "use letters, digits, dots, dashes, underscores and @, at most 63, a letter or digit at either end"
_CONSUMER = re.compile(CONSUMER_PATTERN)


def is_consumer(text: str) -> bool:
    """Whether `text` may name a consumer.

    No colon: `issuer:subject` names those that a token issuer vouches for, so neither can be taken for the other.
    """
    return _CONSUMER.fullmatch(text) is not None


def consumer_of_key(consumer: str, key_name: str, key_id: str) -> str:
    """Whom a key belongs to: the consumer it was made for, else one of the key's own name, else of its id."""
    return consumer or (key_name if is_consumer(key_name) else key_id)
