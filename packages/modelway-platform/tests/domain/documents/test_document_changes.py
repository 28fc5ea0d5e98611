"""Differences between two documents as people read them."""

from modelway_platform.domain.documents.document_changes import Change, changes_between


def test_leaves_lists_and_absent_ones() -> None:
    before = {"spec": {"replicas": 1, "env": {"A": "b"}, "versions": [{"v": 1, "w": 1}], "tags": [1]}}
    after = {"spec": {"replicas": 2, "env": {"B": "c"}, "versions": [{"v": 1, "w": 5}], "tags": [1, 2]}}
    assert changes_between(before, after) == (
        Change(path="spec.replicas", before=1, after=2),
        Change(path="spec.env.A", before="b", after=None),
        Change(path="spec.env.B", before=None, after="c"),
        Change(path="spec.versions[0].w", before=1, after=5),
        Change(path="spec.tags", before=[1], after=[1, 2]),
    )
    assert changes_between(before, before) == ()
