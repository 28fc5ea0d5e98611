"""Which images in registries are still needed, and why: decided from values, so that nothing in use can be overlooked by half."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

DAY = 86_400.0
_TAG_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPackage:
    """A revision of a deployment, and the package it names; none for the revision that deleted it.

    `name` is `project/model/version`, `at` Unix time in seconds.
    """

    name: str
    number: int
    package: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepRules:
    """How far back `undo` shall find images made already.

    Args:
        revisions: Of each deployment there is, those of its last so many packages.
        seconds: And whatever was declared within so long, also of deployments that are gone.
    """

    revisions: int = 5
    seconds: float = 30 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """What is wanted or runs at this moment, whatever the rules are.

    Args:
        packages: Digests of packages, each with who needs it.
        images: Digests of images that replicas were started from.
    """

    packages: Mapping[str, str]
    images: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptImage:
    """A manifest in a registry, and all names it has there; one of ours has the head of its package's digest as a tag."""

    repository: str
    digest: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageVerdict:
    """Whether an image may go, and why it may not; `package` is that of one that is ours."""

    image: KeptImage
    goes: bool
    why: str
    package: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """All that is known of what is needed.

    Args:
        in_use: What is wanted or runs now.
        kept: Packages that the rules keep, each with why.
        known: Every package that this platform ever had, by the tag of its images; what others pushed is none of them.
    """

    in_use: InUse
    kept: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    known: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def tag_of(package: str) -> str:
    """By which an image of a package is named in a registry.

    Args:
        package: `sha256:` and 64 hexadecimal digits.
    """
    return package.removeprefix("sha256:")[:_TAG_LENGTH]


def packages_kept(
    revisions: Iterable[NamedPackage], there: Iterable[str], rules: KeepRules, now: float
) -> dict[str, str]:
    """Packages that the rules keep, each with why.

    Args:
        revisions: Of all deployments that ever were.
        there: The names of those that are.
        rules: How far back.
        now: Unix time in seconds.
    """
    histories: defaultdict[str, list[NamedPackage]] = defaultdict(list)
    for each in revisions:
        histories[each.name].append(each)
    present, kept = frozenset(there), dict[str, str]()
    for name, history in sorted(histories.items()):
        ordered = sorted(history, key=lambda each: each.number)
        for each in _lately(ordered, now - rules.seconds):
            kept.setdefault(each.package, f"revision {each.number} of {name}, declared lately")
        for each in _last(ordered, rules.revisions) if name in present else ():
            kept.setdefault(each.package, f"revision {each.number} of {name}")
    return kept


def verdict_on(image: KeptImage, needs: Needs) -> ImageVerdict:
    """Whether an image may go: all of its names are ours, and nobody needs any of them."""
    ours = [needs.known[tag] for tag in image.tags if tag in needs.known]
    strange = [tag for tag in image.tags if tag not in needs.known]
    package = ours[0] if ours else ""

    def stays(why: str) -> ImageVerdict:
        return ImageVerdict(image=image, goes=False, why=why, package=package)

    if strange or not ours:
        return stays(f"somebody named it {strange[0]}" if strange else "it has no name")
    if image.digest in needs.in_use.images:
        return stays("a replica runs it")
    for each in ours:
        why = needs.in_use.packages.get(each) or needs.kept.get(each)
        if why:
            return stays(why)
    return ImageVerdict(image=image, goes=True, why="no revision needs it", package=package)


def _last(ordered: Sequence[NamedPackage], most: int) -> list[NamedPackage]:
    """The newest revision of each of the last so many packages."""
    found: dict[str, NamedPackage] = {}
    for each in reversed(ordered):
        if each.package and len(found) < most:
            found.setdefault(each.package, each)
    return list(found.values())


def _lately(ordered: Sequence[NamedPackage], since: float) -> list[NamedPackage]:
    """Those that were declared at any moment after `since`: the next revision is what ends one."""
    ends = [*(each.at for each in ordered[1:]), float("inf")]
    return [each for each, end in zip(ordered, ends, strict=True) if each.package and end > since]
