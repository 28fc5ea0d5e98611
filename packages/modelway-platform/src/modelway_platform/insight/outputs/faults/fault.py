"""What can be wrong between an output and its receiver: each with why, and what to do, in words that people use."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the settings of one sort of output are called, for advice.

    Args:
        place: That which says where the receiver is.
        known_by: That by which the receiver knows us.
        trust: That which says whose certificates are trusted.
        encryption: That which says whether connections are encrypted.
        patience: That which says how long is waited.
        target: What records go into there: a path, topics, a bucket.
        language: What is spoken.
    """

    place: str
    known_by: str
    trust: str
    encryption: str
    patience: str
    target: str
    language: str


class Fault(Enum):
    """Why, and what to do; names of settings are put into the braces."""

    REFUSED = (
        "the connection was refused, so nothing listens at that port",
        "start the receiver, or correct {place}",
    )
    NAME_UNKNOWN = (
        "there is no such host name",
        "correct {place}, or the DNS that this machine asks",
    )
    UNREACHABLE = (
        "there is no way from here to that machine",
        "look at routes and firewalls, or correct {place}",
    )
    SILENT = (
        "it did not answer in time",
        "see whether it is overloaded or a firewall swallows what is sent; {patience}",
    )
    CLOSED = (
        "it closed the connection without an answer",
        "its log says why; it may want another port, or encryption ({encryption})",
    )
    CERTIFICATE = (
        "its certificate is of nobody whom this machine trusts",
        "{trust}",
    )
    CERTIFICATE_OF_ANOTHER = (
        "its certificate is for another name",
        "write a name in {place} that its certificate has, or have it get one for this name",
    )
    CERTIFICATE_TIME = (
        "its certificate is not valid at this time",
        "have the receiver's certificate renewed, or set this machine's clock",
    )
    NO_TLS = (
        "it does not speak TLS at that port",
        "correct the port in {place}, or send without encryption ({encryption})",
    )
    TLS = (
        "no encrypted connection came about",
        "compare TLS versions and certificates of both ends; the receiver may want a certificate of ours",
    )
    ANOTHER_LANGUAGE = (
        "what answers there does not speak {language}",
        "correct {place}: another program listens at that port",
    )
    UNKNOWN_CALLER = (
        "it does not take us for anybody it knows",
        "correct {known_by}; a new value is used at the next try",
    )
    FORBIDDEN = (
        "it knows us but does not let us write",
        "have the receiver allow it, or use another one in {known_by}",
    )
    CLOCK = (
        "its clock and ours are too far apart",
        "set this machine's clock (NTP), or the receiver's",
    )
    NO_SUCH_TARGET = (
        "it has no such {target}",
        "correct {place}, or have it made there",
    )
    MOVED = (
        "it says that it is elsewhere, and redirects are not followed",
        "write the new address in {place}",
    )
    TOO_OFTEN = (
        "it takes no more at this rate",
        "it is sent more slowly meanwhile; if that stays, have the receiver's limit raised",
    )
    OVERLOADED = (
        "it is overloaded, starting or being maintained",
        "nothing if that passes; if not, look at the receiver",
    )
    BROKEN = (
        "it failed by itself",
        "the receiver's log says why",
    )
    FULL = (
        "there is no room left there",
        "make room at the receiver, or have its quota raised",
    )
    MALFORMED = (
        "it does not understand what is sent",
        "compare the receiver's version and what it accepts ({language})",
    )
    TOO_LARGE = (
        "it does not take as much at once",
        "have its limit for the size of a request raised",
    )
    UNUSUAL = (
        "it does not take what is sent",
        "the receiver's log may say more; correct {place} if it is none for {language}",
    )

    def told(self, where: str, settings: Settings, said: str = "") -> str:
        """A sentence for people: where, why, what to do.

        Args:
            where: The receiver.
            settings: Whose names are put in.
            said: A short word of the protocol's own, such as a status; never free text, which may hold secrets.
        """
        names = {name: getattr(settings, name) for name in Settings.__slots__}
        why, advice = (each.format(**names) for each in self.value)
        return f"{where}: {why}{f' ({said})' if said else ''}; {advice}"
