"""The `reason` of an access record, a few terse words, as sentences."""


def reason_sentences(reason: str, version: str) -> list[str]:
    """What each word means; one that this version does not know is shown as it is.

    Args:
        reason: Words separated by spaces, as `url:/api/{x} alias:champion retried:r-1`.
        version: Who answered.
    """
    return [_sentence(word, version) for word in reason.split()]


def _sentence(word: str, version: str) -> str:
    name, _, value = word.partition(":")
    sentences = {
        "url": f"the address matches the URL {value}, which the route publishes",
        "open-inference": "the address is one of the Open Inference Protocol",
        "weights": f"the weights of the route gave this turn to version {version}" if version else "the weights decide",
        "pinned": f"the address, or the URL published for it, names version {version}",
        "alias": f"the alias @{value} means version {version}",
        "sticky": f"the caller stays with version {version}, by its {value}",
        "experiment": f"experiment {value.replace('=', ', arm ')}: the caller belongs to version {version}",
        "retried": f"it was sent again, as these replicas failed it: {value.replace(',', ', ')}",
    }
    return sentences.get(name, word)
