"""Which images may go: over random histories nothing that is in use or that `undo` may still ask for, and everything else."""

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from modelway_platform.domain.deployments.image_needs import (
    InUse,
    KeepRules,
    KeptImage,
    NamedPackage,
    Needs,
    packages_kept,
    tag_of,
    verdict_on,
)

NOW = 1_000_000.0
PACKAGES = tuple("sha256:" + f"{number:02x}" * 32 for number in range(8))
NAMES = ("vision/digits/v1", "vision/digits/v2", "sound/words/v1")


@dataclass(frozen=True)
class World:
    """What happened, and what is there now; a history has a package or, where it was deleted, nothing per revision."""

    histories: Mapping[str, tuple[tuple[float, str], ...]]
    running: frozenset[str]
    images_running: frozenset[str]
    pushed: tuple[KeptImage, ...]

    def revisions(self) -> list[NamedPackage]:
        return [
            NamedPackage(name=name, number=number, package=package, at=at)
            for name, history in self.histories.items()
            for number, (at, package) in enumerate(history, start=1)
        ]

    def there(self) -> list[str]:
        return [name for name, history in self.histories.items() if history and history[-1][1]]

    def declared(self) -> dict[str, str]:
        return {self.histories[name][-1][1]: name for name in self.there()}


@st.composite
def worlds(draw: st.DrawFn) -> World:
    packages = st.sampled_from(PACKAGES)
    moments = st.lists(st.floats(0, NOW), max_size=12).map(sorted)
    histories = {
        name: tuple((at, draw(st.one_of(packages, packages, st.just("")))) for at in draw(moments)) for name in NAMES
    }
    pushed: list[KeptImage] = []
    for number, package in enumerate(PACKAGES):
        digest = f"sha256:{number:02x}" + "e" * 62
        tags = (tag_of(package), *draw(st.sampled_from([(), (), ("release",), ("f" * 32,)])))
        pushed.append(KeptImage(repository="models/digits", digest=digest, tags=tags))
    return World(
        histories=histories,
        running=draw(st.frozensets(packages, max_size=2)),
        images_running=draw(st.frozensets(st.sampled_from([each.digest for each in pushed]), max_size=2)),
        pushed=tuple(pushed),
    )


def still_wanted(world: World, rules: KeepRules) -> set[str]:
    """Said once more in the plainest words: what any person could still ask for within the rules."""
    wanted = set(world.running) | set(world.declared())
    for history in world.histories.values():
        for place, (_, package) in enumerate(history):
            replaced_at = history[place + 1][0] if place + 1 < len(history) else NOW + 1
            if replaced_at > NOW - rules.seconds:
                wanted.add(package)
        if history and history[-1][1]:
            distinct: list[str] = []
            for _, package in reversed(history):
                if package and package not in distinct:
                    distinct.append(package)
            wanted |= set(distinct[: rules.revisions])
    return wanted - {""}


@given(worlds(), st.integers(1, 4), st.floats(0, NOW))
def test_what_is_in_use_or_reachable_stays_and_everything_else_goes(
    world: World, revisions: int, seconds: float
) -> None:
    rules = KeepRules(revisions=revisions, seconds=seconds)
    kept = packages_kept(world.revisions(), world.there(), rules, NOW)
    in_use = InUse(packages=dict.fromkeys(world.running, "runs") | world.declared(), images=world.images_running)
    needs = Needs(in_use=in_use, kept=kept, known={tag_of(each): each for each in PACKAGES})
    wanted = still_wanted(world, rules)
    for package, image in zip(PACKAGES, world.pushed, strict=True):
        verdict = verdict_on(image, needs)
        may_go = package not in wanted and image.digest not in world.images_running and len(image.tags) == 1
        assert verdict.goes == may_go, verdict
        assert verdict.why


@given(worlds())
def test_what_another_platform_pushed_is_never_touched(world: World) -> None:
    nothing = Needs(in_use=InUse(packages={}))
    assert not any(verdict_on(each, nothing).goes for each in world.pushed)


def test_it_says_why_an_image_stays() -> None:
    image = KeptImage(repository="m/digits", digest="sha256:1", tags=(tag_of(PACKAGES[0]),))
    known = {tag_of(each): each for each in PACKAGES}
    revisions = [
        NamedPackage(name=NAMES[0], number=1, package=PACKAGES[0], at=0),
        NamedPackage(name=NAMES[0], number=2, package=PACKAGES[1], at=10),
        NamedPackage(name=NAMES[0], number=3, package=PACKAGES[1], at=20),
    ]

    def said(rules: KeepRules, in_use: InUse) -> str:
        kept = packages_kept(revisions, [NAMES[0]], rules, NOW)
        return verdict_on(image, Needs(in_use=in_use, kept=kept, known=known)).why

    nobody = InUse(packages={})
    assert said(KeepRules(revisions=2, seconds=0), nobody) == f"revision 1 of {NAMES[0]}"
    assert said(KeepRules(revisions=1, seconds=0), nobody) == "no revision needs it"
    assert said(KeepRules(revisions=1, seconds=NOW), nobody) == f"revision 1 of {NAMES[0]}, declared lately"
    assert said(KeepRules(revisions=1, seconds=0), InUse(packages={}, images=frozenset({"sha256:1"}))) == (
        "a replica runs it"
    )
