"""A rollout's page and history: what of its moves is in Git, is owed, and why."""

from typing import Any

from modelway.cli.showing.rollout_page import move_table, rollout_lines

STATUS: dict[str, Any] = {"phase": "Running", "step": 1, "steps": 1, "weights": [], "message": "goes on"}


def page(**commits: Any) -> str:
    item = {
        "metadata": {"name": "demo/double"},
        "spec": {"from": "v1", "to": "v2", "steps": [{"weight": 20}]},
        "status": STATUS | ({"commits": commits} if commits else {}),
    }
    return "\n".join(rollout_lines(item))


def move(**more: Any) -> dict[str, Any]:
    shares = [{"version": "v1", "weight": 80}, {"version": "v2", "weight": 20}]
    return {
        "run": 1, "kind": "begin", "step": 1, "before": shares, "after": shares, "author": "rollout demo/double", "words": "why",
    } | more  # fmt: skip


def test_commits_are_shown_where_there_are_to_be_some() -> None:
    assert "Git" not in page()
    done = page(policy="moves", source="fleet", pushed=2, owed=0, failed=0, problem="")
    assert "Git   2 moves in source fleet\n" in done
    owed = page(policy="moves", source="fleet", pushed=1, owed=2, failed=1, problem="it ended the connection")
    assert "Git   1 moves in source fleet, 2 owed, 1 failed: it ended the connection" in owed
    nowhere = page(policy="moves", source="", pushed=0, owed=0, failed=0, problem="no Git source declares the route")
    assert "Git   no moves: no Git source declares the route" in nowhere


def test_the_history_has_commits_only_where_some_of_it_is_to_be_in_git() -> None:
    columns, _ = move_table([move()])
    assert "commit" not in columns
    moves = [
        move(commit={"state": "Pushed", "commit": "a" * 40}),
        move(commit={"state": "Owed"}),
        move(kind="pause"),
    ]
    columns, rows = move_table(moves)
    assert columns[-2:] == ("commit", "why")
    assert [row[-2] for row in rows] == ["a" * 12, "owed", "-"]
