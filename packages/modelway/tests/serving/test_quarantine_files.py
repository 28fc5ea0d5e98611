"""Which samples go when there is no more room, and how files of samples are written and read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.errors import InvalidRequestError, NotFoundError
from modelway.serving.observing.redaction import REDACTED, Redaction
from modelway.serving.quarantine.samples import (
    SampleFile,
    read_sample,
    remove_unfinished,
    sample_files,
    surplus,
    write_sample,
)

FILES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), max_size=30).map(
    lambda found: [SampleFile(f"{at:03d}-{kind}-1.json", size) for at, (kind, size) in enumerate(found)]
)


@given(FILES, st.integers(0, 12), st.integers(0, 400))
def test_what_stays_fits_and_nothing_goes_without_need(files: list[SampleFile], most: int, most_bytes: int) -> None:
    gone = surplus(files, most, most_bytes)
    staying = [each for each in files if each.name not in gone]
    assert len(staying) <= most
    assert sum(each.size for each in staying) <= most_bytes
    if gone:
        last = next(each for each in files if each.name == gone[-1])
        assert len(staying) + 1 > most or sum(each.size for each in staying) + last.size > most_bytes
    for kind in "abc":  # of a kind, the oldest go first
        of_kind = [each.name in gone for each in files if each.kind == kind]
        assert of_kind == sorted(of_kind, reverse=True)


def test_a_frequent_failure_does_not_drive_out_a_rare_one() -> None:
    files = [SampleFile("000-rare-1.json", 1), *(SampleFile(f"{at:03d}-often-1.json", 1) for at in range(1, 10))]
    assert surplus(files, 3, 100) == [f"{at:03d}-often-1.json" for at in range(1, 8)]


def test_unfinished_files_are_neither_listed_nor_kept(tmp_path: Path) -> None:
    write_sample(tmp_path / "new", "1-a-1.json", b"{}")
    (tmp_path / "new" / ".2-a-1.json.part").write_bytes(b"{")
    assert [each.name for each in sample_files(tmp_path / "new")] == ["1-a-1.json"]
    remove_unfinished(tmp_path / "new", before=0)
    assert len(list((tmp_path / "new").iterdir())) == 2
    remove_unfinished(tmp_path / "new", before=2e10)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["1-a-1.json"]
    with pytest.raises(InvalidRequestError, match="is no sample"):
        read_sample(tmp_path / "new", "1-a-1")
    with pytest.raises(NotFoundError):
        read_sample(tmp_path / "new", "2-a-1")
    with pytest.raises(NotFoundError):
        read_sample(tmp_path / "new", "../new/1-a-1")


def test_long_texts_are_searched_in_pieces_and_octets_are_left_whole() -> None:
    redaction = Redaction(patterns=["hidden[0-9]{3}"])
    words = "word " * 30_000
    assert (
        redaction.of_value(f"{words}Bearer-less hidden123 {words}hidden456")
        == f"{words}Bearer-less {REDACTED} {words}{REDACTED}"
    )
    octets = "A" * 100 + "+4111111111111111/" + "A" * 182
    assert redaction.of_value(octets) == octets
    assert redaction.of_value("card 4111111111111111") == f"card {REDACTED}"
