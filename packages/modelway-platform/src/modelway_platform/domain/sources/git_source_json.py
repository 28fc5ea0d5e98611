"""Git sources and their commits as JSON values, as kept and as told."""

from collections.abc import Mapping
from typing import Any

from modelway_platform.domain.sources.git_source import GitSource, Owned, SeenCommit


def source_to_json(source: GitSource) -> dict[str, Any]:
    """The reverse of `source_from_json`."""
    return {
        "name": source.name,
        "repository": source.repository,
        "branch": source.branch,
        "path": source.path,
        "pollSeconds": source.poll_seconds,
        "drift": source.drift,
        "prune": source.prune,
        "projects": list(source.projects),
        "credentials": source.credentials,
        **({"writes": source.writes} if source.writes != "none" else {}),
    }


def source_from_json(value: Mapping[str, Any]) -> GitSource:
    """A source from values of the right types; see `source_problems` for whether they can be meant."""
    return GitSource(
        name=value["name"],
        repository=value["repository"],
        branch=value["branch"],
        path=value["path"].strip("/"),
        poll_seconds=value["pollSeconds"],
        drift=value["drift"],
        prune=value["prune"],
        projects=tuple(value["projects"]),
        credentials=value["credentials"],
        writes=value.get("writes", "none"),
    )


def owned_to_json(owned: Owned) -> dict[str, Any]:
    """The reverse of `owned_from_json`."""
    return {"kind": owned.kind, "name": owned.name, "document": owned.document}


def owned_from_json(value: Mapping[str, Any]) -> Owned:
    """What `owned_to_json` made."""
    return Owned(kind=value["kind"], name=value["name"], document=value["document"])


def commit_to_json(seen: SeenCommit) -> dict[str, Any]:
    """A commit with what became of it; times are Unix time in seconds."""
    return {
        "commit": seen.commit,
        "author": seen.author,
        "subject": seen.subject,
        "committedAt": seen.committed_at,
        "seenAt": seen.seen_at,
        "state": seen.state,
        "message": seen.message,
        "details": list(seen.details),
    }


def commit_from_json(value: Mapping[str, Any]) -> SeenCommit:
    """What `commit_to_json` made."""
    return SeenCommit(
        commit=value["commit"],
        author=value["author"],
        subject=value["subject"],
        committed_at=value["committedAt"],
        seen_at=value["seenAt"],
        state=value["state"],
        message=value["message"],
        details=tuple(value["details"]),
    )
