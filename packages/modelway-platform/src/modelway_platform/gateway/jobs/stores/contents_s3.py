"""Large requests and answers in a bucket: `Contents` over S3 and what speaks like it."""

from obstore.exceptions import BaseError
from obstore.store import S3Store

from modelway_platform.gateway.jobs.stores.contents import new_name
from modelway_platform.gateway.jobs.stores.port import JobsUnavailableError

_PREFIX = "jobs/"


class S3Contents:
    """One object each under `jobs/` of a bucket. Address and keys come from the usual `AWS_…` variables.

    Args:
        bucket: Its name; it is there already.
        options: Over the environment: `endpoint`, `region`, `access_key_id`, … as obstore names them.
    """

    def __init__(self, bucket: str, **options: str) -> None:
        plain = options.get("endpoint", "").startswith("http://")
        self._store = S3Store(
            bucket,
            client_options={"timeout": "30s", "connect_timeout": "5s", "allow_http": plain},
            retry_config={"max_retries": 3},
            **options,  # pyright: ignore[reportArgumentType] - a TypedDict of texts
        )

    async def put(self, data: bytes) -> str:
        name = new_name()
        try:
            await self._store.put_async(_PREFIX + name, data)
        except (BaseError, OSError) as error:
            raise JobsUnavailableError(f"the bucket took nothing: {type(error).__name__}") from error
        return name

    async def get(self, name: str) -> bytes:
        try:
            found = await self._store.get_async(_PREFIX + name)
            return bytes(await found.bytes_async())
        except (BaseError, OSError) as error:
            raise JobsUnavailableError(f"the bucket gave nothing: {type(error).__name__}") from error

    async def delete(self, name: str) -> None:
        try:
            await self._store.delete_async(_PREFIX + name)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise JobsUnavailableError(f"the bucket removed nothing: {type(error).__name__}") from error

    async def names_before(self, time: float) -> list[str]:
        found: list[str] = []
        try:
            async for page in self._store.list(_PREFIX, return_arrow=False):  # pyright: ignore[reportUnknownMemberType] - pyarrow is not there
                found += [
                    each["path"].removeprefix(_PREFIX) for each in page if each["last_modified"].timestamp() < time
                ]
        except (BaseError, OSError) as error:
            raise JobsUnavailableError(f"the bucket listed nothing: {type(error).__name__}") from error
        return found
