"""Log records: read, followed, asked in SQL, exported, and what turned out to be true of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from modelway.client.answer_stream import AnswerStream
from modelway.client.control.calls import ControlCalls, Items, converted, decoded

_QUERY_SILENCE = 30.0  # a query may wait for its turn


class LogsClient(ControlCalls):
    """Logs and feedback."""

    def logs(
        self,
        *,
        source: Literal["access", "server", "inference"] = "access",
        project: str = "",
        model: str = "",
        version: str = "",
        replica: str = "",
        request_id: str = "",
        experiment: str = "",
        mirrored: bool | None = None,
        status: str = "",
        slower: str = "",
        consumer: str = "",
        tail: int = 100,
        follow: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Log records, oldest first; with `follow` also those to come, until the server ends it.

        `mirrored` true: only copies, false: none of them. `status` is like `404`, `5xx` or `429,5xx`, `slower` like `200ms`.

        Raises:
            InvalidRequestError: A filter says nothing, or the source has nothing of the kind.
        """
        scope = {"source": source, "project": project, "model": model, "version": version, "replica": replica}
        scope["requestId"] = request_id
        scope |= {"experiment": experiment, "mirrored": "" if mirrored is None else str(mirrored).lower()}
        scope |= {"status": status, "slower": slower, "consumer": consumer}
        query = {name: value for name, value in scope.items() if value} | {"tail": str(tail)}
        if follow:
            query["follow"] = "true"
        with self._logs_stream(query, follow=follow) as stream:
            for line in stream.lines():
                yield decoded(line, dict[str, Any])

    def _logs_stream(self, query: Mapping[str, str], *, follow: bool) -> AnswerStream:
        return self._http.stream("GET", "/v1/logs", query=query, silence=None if follow else 60.0)

    def export_logs(self, asked: Mapping[str, Any], *, silence: float = 900.0) -> Iterator[bytes]:
        """A data set as the octets of one Parquet file.

        Args:
            asked: Any of `project`, `model`, `version`, `since`, `until` (as for `query_logs`), `labelled`, `mirrored`.
            silence: Seconds to wait for it to be made.
        """
        body = msgspec.json.encode(asked)
        headers = {"Content-Type": "application/json"}
        with self._http.stream("POST", "/v1/logs/export", body=body, headers=headers, silence=silence) as stream:
            yield from stream.blocks()

    def feed_back(self, items: Sequence[Mapping[str, Any]]) -> int:
        """Tells what is true of answers, at most 1,000: `requestId` with `label` (any JSON), `reward`, or both. Returns how many; they are kept.

        Raises:
            InvalidRequestError: One of them says nothing; none is kept.
        """
        return int(self._object(self._post("/v1/feedback", {"items": items}))["accepted"])

    def query_logs(self, sql: str, *, since: str = "", rows: int = 1000, seconds: float = 30.0) -> dict[str, Any]:
        """The answer to one SELECT over the collected records: `columns` (name, type), `rows`, `truncated`.

        Args:
            sql: One SELECT, or EXPLAIN of one, over the view `access`.
            since: Only records of the last `90m`, `2h`, `7d`, or from a time with its zone on; all unless given.
            rows: The answer is cut after so many.
            seconds: After which it is given up.

        Raises:
            ModelwayError: Codes `invalid_query` and `query_too_costly`.
            DeadlineExceededError: It took too long.
        """
        body = {"sql": sql, "since": since, "rows": rows, "seconds": seconds}
        return self._object(self._post("/v1/logs/query", body, silence=seconds + _QUERY_SILENCE))

    def ask_logs(
        self, question: str, *, model: str = "", since: str = "1h", rows: int = 20, seconds: float = 30.0
    ) -> dict[str, Any]:
        """A question that need not be written: its `sql`, and its `answer` as `query_logs` gives it.

        Args:
            question: One that `log_questions` lists.
            model: `project[/model[/version]]`; everything unless given.
            since: As for `query_logs`.
            rows: As for `query_logs`.
            seconds: As for `query_logs`.
        """
        scope = dict(zip(("project", "model", "version"), model.split("/") if model else (), strict=False))
        body = {"question": question, "since": since, "rows": rows, "seconds": seconds} | scope
        return self._object(self._post("/v1/logs/ask", body, silence=seconds + _QUERY_SILENCE))

    def log_questions(self) -> list[dict[str, Any]]:
        """Questions that `ask_logs` knows: `name` and `about`."""
        return converted(self._http.request("GET", "/v1/logs/questions").json(), Items).items
