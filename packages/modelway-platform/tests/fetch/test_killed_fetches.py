"""Row R5 for fetching: killed at every step and every piece that arrives, the next control process has the package, once and whole."""

import datetime as dt
from typing import Any

from journeys.package_site import Site, Told

from modelway.packaging.signing import make_key_pair, read_private_key, sign_file
from modelway.packaging.store import open_store, push, push_signatures
from modelway_platform.deploy.fetch.fetch_package import PackageFetcher
from modelway_platform.deploy.fetch.store_access import FILE_NAME, StoreAccess
from modelway_platform.store.files.signatures import PackageSignatures


class KilledError(BaseException):
    """Stands for kill -9 of control: nothing may catch it."""


class Plan:
    """Strikes at one of all steps."""

    def __init__(self, point: int) -> None:
        self._point = point
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps >= self._point > 0:
            raise KilledError  # also whatever a dead process has still in its threads

    def __call__(self, step: str, *, done: int | None = None, total: int | None = None) -> None:
        self.step()


class Struck:
    """Any port with a step before and after each call of the methods named."""

    def __init__(self, inner: Any, plan: Plan, *names: str) -> None:
        self._inner = inner
        self._plan = plan
        self._names = names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._names:
            return found

        def call(*args: Any, **more: Any) -> Any:
            self._plan.step()
            answer = found(*args, **more)
            self._plan.step()
            return answer

        return call


def fetcher(site: Site, origin: str, plan: Plan) -> PackageFetcher:
    packages: Any = Struck(site.packages, plan, "keep", "has")
    access: Any = Struck(StoreAccess(site.folder / FILE_NAME, site.variables), plan, "open")
    signatures: Any = Struck(PackageSignatures(site.packages), plan, "add")
    return PackageFetcher(packages, access, lambda _: [(origin, "vision")], signatures, refused=lambda _: "unsigned")


async def test_killed_anywhere_the_next_has_it_once_and_whole(site: Site, record_property: Any) -> None:
    folder = site.folder / "models"
    store = open_store(str(folder), {}, make=True)
    push(site.archive, store)
    key = read_private_key(make_key_pair(site.folder / "ada")[0])
    bundle, _ = sign_file(site.archive, key, now=dt.datetime.now(dt.UTC))
    push_signatures(site.archive, site.digest, store)
    (site.folder / FILE_NAME).write_text(f'[[store]]\naddress = "file://{folder}"\n')
    origin, digest, content = f"file://{folder}/digits/1.0.0", site.digest, site.archive.read_bytes()
    struck = 0
    while True:
        plan = Plan(struck + 1)
        try:
            await fetcher(site, origin, plan).fetch(digest, plan)
        except KilledError:
            struck += 1
        else:
            break
        await fetcher(site, origin, Plan(0)).fetch(digest, Told())
        assert [each.digest for each in site.packages.list()] == [digest]
        assert site.packages.path(digest).read_bytes() == content
        assert PackageSignatures(site.packages).of(digest) == (bundle,)
        for path in site.packages.root.glob(f"{digest.removeprefix('sha256:')}*"):
            path.unlink()
    record_property("r5_fetch_places", struck)
    assert struck > 30
