"""The kinds of record that are collected, each with its columns; a table that is read, not code."""

from dataclasses import dataclass
from typing import Literal

Type = Literal["moment", "text", "whole", "number", "flag", "answer", "json"]
SQL_TYPES: dict[Type, str] = {
    "moment": "TIMESTAMPTZ",
    "text": "VARCHAR",
    "whole": "BIGINT",
    "number": "DOUBLE",
    "flag": "BOOLEAN",
    "answer": "BOOLEAN",
    "json": "JSON",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One member of a record.

    Args:
        name: In the record and in the store.
        type: `moment` is a Unix time in seconds in the record, a point in time in the store; an absent `text` is empty, an
            absent `flag` false, an absent `whole`, `number`, `answer` (yes, no or unknown) or `json` (any value) NULL.
        about: What it says, for documents.
        since: The first `shape` of its kind that has it; files of earlier ones are read as if it had been absent.
    """

    name: str
    type: Type
    about: str
    since: int = 1

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.type]

    @property
    def absent(self) -> str:
        """The value of a record that does not have it, in SQL."""
        return {"text": "''", "flag": "false"}.get(self.type, f"NULL::{self.sql_type}")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record. Members that are no column are left out of the store; they stay in the segments.

    Args:
        name: Of its view, and of its folder.
        segments: Which files of a source's folder are segments; the text before the last `-` names their writer, the number
            behind it orders them.
        columns: In this order; `time` and `project` are among them. A new one goes to the end, with a new `shape`.
        shape: Number of the list of columns, kept with every file.
    """

    name: str
    segments: str
    columns: tuple[Column, ...]
    shape: int = 1


ACCESS = Kind(
    name="access",
    segments="worker-*.ndjson",
    columns=(
        Column("time", "moment", "when the answer ended"),
        Column("request_id", "text", "its name everywhere; a copy has its original's"),
        Column("project", "text", "empty where no model was found"),
        Column("model", "text", "which"),
        Column("version", "text", "who answered; empty where nobody was chosen"),
        Column("endpoint", "text", "of the model"),
        Column("method", "text", "of the request"),
        Column("path", "text", "as the caller wrote it"),
        Column("status", "whole", "what the caller got; 499 when it left before"),
        Column("code", "text", "the error's code; empty for success"),
        Column("duration_us", "whole", "in all, in microseconds"),
        Column("upstream_us", "whole", "waiting for the replica, in microseconds"),
        Column("bytes_in", "whole", "of the request's body"),
        Column("bytes_out", "whole", "of the answer's body"),
        Column("consumer", "text", "who asked, by the key or token"),
        Column("key", "text", "the key's id"),
        Column("client", "text", "the peer's address"),
        Column("replica", "text", "who answered"),
        Column("retries", "whole", "other replicas asked"),
        Column("reason", "text", "who chose the version"),
        Column("experiment", "text", "of the route"),
        Column("arm", "text", "of the experiment"),
        Column("worker", "whole", "which gateway worker"),
        Column("mirrored", "flag", "a copy, whose answer no caller got"),
        Column("internal", "flag", "the platform's own request"),
        Column("primary", "text", "of a copy: the version that answered the caller"),
        Column("primary_status", "whole", "of a copy: what the caller got"),
        Column("primary_us", "whole", "of a copy: how long the caller waited, in microseconds"),
        Column("agree", "answer", "of a copy: whether both said the same"),
        Column("score", "number", "of a copy: how much, from 0 to 1"),
        Column("why", "text", "of a copy: what differs most"),
        Column("uncompared", "text", "of a copy: why nobody compared it"),
        Column("gateway", "text", "which gateway: the host's name, or the one it was given", since=2),
    ),
    shape=2,
)

INFERENCE = Kind(
    name="inference",
    segments="worker-*.ndjson",
    columns=(
        Column("time", "moment", "when it ended"),
        Column("request_id", "text", "joins it to the access record; a copy has its original's"),
        Column("project", "text", "whose model"),
        Column("model", "text", "which"),
        Column("version", "text", "who answered"),
        Column("endpoint", "text", "of the model; of the pipeline, for a step"),
        Column("replica", "text", "who answered"),
        Column("worker", "whole", "which of the replica's workers"),
        Column("transport", "text", "rest, open_inference or grpc; step for a pipeline's call of a step"),
        Column("status", "whole", "what the caller got; 499 when it left before"),
        Column("code", "text", "the error's code; empty for success"),
        Column("duration_us", "whole", "from the whole request to its answer, in microseconds"),
        Column("queue_us", "whole", "waiting for its batch, in microseconds"),
        Column("preprocess_us", "whole", "of its batch, in microseconds"),
        Column("inference_us", "whole", "of its batch, in microseconds"),
        Column("postprocess_us", "whole", "of its batch, in microseconds"),
        Column("encode_us", "whole", "from the batch's results to the answer, in microseconds"),
        Column("batch", "whole", "requests that went together"),
        Column("closed", "text", "why no more did: full, idle, waited or deadline"),
        Column("deadline_ms", "whole", "time that was left when it came, in milliseconds; 0 for none"),
        Column("bytes_in", "whole", "of the request's body"),
        Column("mirrored", "flag", "a copy, whose answer no caller got"),
        Column("step", "text", "of a pipeline; empty for the request itself"),
        Column("rows", "whole", "items of an Open Inference request; NULL for one"),
        Column("pieces", "whole", "of a stream"),
        Column("trace_id", "text", "of the trace it is part of"),
        Column("fields", "json", "what the handler wrote into `Context.log_fields`"),
        Column("fields_omitted", "text", "why they are left out"),
        Column("request", "json", "the request's body, where payloads are logged; over gRPC as it would be over REST"),
        Column("request_omitted", "text", "why it is left out"),
        Column("answer", "json", "the answer's body, likewise; the pieces of a stream in a list"),
        Column("answer_omitted", "text", "why it is left out"),
        Column("answer_truncated", "flag", "of a stream: more pieces were sent than those in `answer`", since=2),
    ),
    shape=2,
)

FEEDBACK = Kind(
    name="feedback",
    segments="worker-*.ndjson",
    columns=(
        Column("time", "moment", "when it was said"),
        Column("request_id", "text", "of which request"),
        Column("project", "text", "if it was said"),
        Column("label", "json", "what turned out to be true"),
        Column("reward", "number", "how good the answer was"),
        Column("author", "text", "who said so, by the key"),
    ),
)

KINDS: tuple[Kind, ...] = (ACCESS, INFERENCE, FEEDBACK)
