"""How a key's secret looks: recognisable by scanners, and by its checksum a mistyped one is found without asking anybody.

`mw_`, 43 random characters (256 bits), 6 of checksum; letters and digits only, so that a double click takes it whole.
Secrets made before there were checksums are `mw_` and 43 characters of base64url, and stay valid.
"""

import re
import secrets
import zlib

PREFIX = "mw_"
RANDOM_CHARACTERS = 43
CHECKSUM_CHARACTERS = 6
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKED = re.compile(rf"mw_[0-9A-Za-z]{{{RANDOM_CHARACTERS + CHECKSUM_CHARACTERS}}}")
_UNCHECKED = re.compile(r"mw_[0-9A-Za-z_-]{43}")


def new_secret() -> str:
    """A secret nobody can guess, checksum included."""
    body = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return body + _checksum(body)


def is_mistyped(secret: str) -> bool:
    """Whether `secret` cannot be the secret of any key: of neither form, or its checksum is wrong."""
    if _CHECKED.fullmatch(secret) is not None:
        return _checksum(secret[:-CHECKSUM_CHARACTERS]) != secret[-CHECKSUM_CHARACTERS:]
    return _UNCHECKED.fullmatch(secret) is None


def hint_for_unknown(secret: str, usual: str) -> str:
    """What to say to whom a server does not know: that the key is mistyped, where that can be seen; `usual` otherwise."""
    if secret.startswith(PREFIX) and is_mistyped(secret):
        return "the key is mistyped: its checksum or length is wrong; " + usual
    return usual


def _checksum(body: str) -> str:
    """CRC-32 in base 62; six characters hold it."""
    number = zlib.crc32(body.encode())
    text = ""
    for _ in range(CHECKSUM_CHARACTERS):
        number, digit = divmod(number, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return text
