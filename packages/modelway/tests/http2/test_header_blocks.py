"""What is recalled is what a plain decoder reads: for every block, after every history."""

from typing import Any

import pytest
from hpack import Decoder, Encoder, HPACKError
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.http2.faults import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, ConnectionFaultError
from modelway.http2.header_blocks import MAX_KNOWN, MAX_KNOWN_BYTES, HeaderBlocks
from modelway.http2.header_encoding import EMPTY_TABLE, encode_lines

Lines = list[tuple[bytes, bytes]]
names = st.sampled_from([b":path", b":method", b"x-a", b"x-b", b"content-type", b"grpc-timeout", b"n" * 90])
values = st.sampled_from([b"", b"/", b"POST", b"1", b"22222222", b"v" * 200, b"w" * 4000, b"\xff\x00"])
lists = st.lists(st.tuples(names, values), max_size=6)
steps: st.SearchStrategy[list[tuple[str, Any]]] = st.lists(
    st.one_of(
        lists.map(lambda lines: ("lines", lines)),
        st.integers(0, 4096).map(lambda size: ("resize", size)),
        st.binary(max_size=12).map(lambda octets: ("octets", octets)),
        st.integers(0, 30).map(lambda back: ("again", back)),
    ),
    max_size=40,
)


def meaning(blocks: HeaderBlocks[Lines], block: bytes) -> Lines | str:
    try:
        found = blocks.recall(block)
        return blocks.learn(block) if found is None else found
    except ConnectionFaultError:
        return "fault"


def plain_meaning(decoder: Decoder, block: bytes) -> Lines | str:
    try:
        return [(line[0], line[1]) for line in decoder.decode(block, raw=True)]
    except (HPACKError, IndexError):
        return "fault"


@settings(max_examples=500, deadline=None)
@given(steps=steps, huffman=st.booleans())
def test_every_history_of_blocks_means_what_a_plain_decoder_says(
    *, steps: list[tuple[str, Any]], huffman: bool
) -> None:
    blocks: HeaderBlocks[Lines] = HeaderBlocks(list, 64 * 1024)
    plain, encoder = Decoder(64 * 1024), Encoder()
    sent: list[bytes] = []
    block: bytes
    for kind, value in steps:
        if kind == "resize":
            encoder.header_table_size = value
            continue
        if kind == "lines":
            block = encoder.encode(value, huffman=huffman)
        elif kind == "octets":
            block = bytes(value)
        else:  # the same bytes as before, whatever they mean by now
            block = sent[-1 - int(value) % len(sent)] if sent else b"\x82"
        sent.append(block)
        found = meaning(blocks, block)
        assert found == plain_meaning(plain, block)
        if found == "fault":
            return  # the connection ends here


@settings(max_examples=300, deadline=None)
@given(octets=st.lists(st.binary(min_size=1, max_size=6), max_size=30))
def test_blocks_of_any_octets_come_again_in_any_order(octets: list[bytes]) -> None:
    blocks: HeaderBlocks[Lines] = HeaderBlocks(list, 64 * 1024)
    plain = Decoder(64 * 1024)
    for block in [*octets, *octets]:
        found = meaning(blocks, block)
        assert found == plain_meaning(plain, block)
        if found == "fault":
            return


def test_a_block_is_kept_only_while_the_table_stays() -> None:
    decoded: list[Lines] = []
    blocks: HeaderBlocks[Lines] = HeaderBlocks(lambda lines: decoded.append(list(lines)) or list(lines), 4096)
    indexed = b"\xbe"  # the newest entry of the dynamic table
    blocks.learn(b"\x40\x01a\x011")  # adds a: 1
    assert blocks.recall(b"\x40\x01a\x011") is None
    assert blocks.learn(indexed) == [(b"a", b"1")]
    assert blocks.recall(indexed) == [(b"a", b"1")]
    blocks.learn(b"\x40\x01a\x012")
    assert blocks.recall(indexed) is None
    assert blocks.learn(indexed) == [(b"a", b"2")]
    blocks.learn(b"\x20\x3f\xe1\x1f\x82")  # to nothing and back to 4096: no entry is left
    assert blocks.recall(indexed) is None
    with pytest.raises(ConnectionFaultError):
        blocks.learn(indexed)
    trailers: HeaderBlocks[Lines] = HeaderBlocks(list, 4096)
    trailers.learn(b"\x82")
    trailers.decode(b"\x40\x01a\x011")  # trailers change the table as well
    assert trailers.recall(b"\x82") is None


def test_what_could_not_be_read_is_not_kept_and_the_number_is_bounded() -> None:
    def refuse(lines: Any) -> Lines:
        raise ValueError("no")

    blocks: HeaderBlocks[Lines] = HeaderBlocks(refuse, 4096)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            blocks.learn(b"\x82")
    many: HeaderBlocks[Lines] = HeaderBlocks(list, 4096)
    for number in range(5 * MAX_KNOWN):
        many.learn(b"\x00\x01a\x03%03d" % number)
    assert len(many._known) <= MAX_KNOWN  # pyright: ignore[reportPrivateUsage]
    many.learn(encode_lines([(b"a", b"x" * 3000)]))
    assert max(map(len, many._known)) <= MAX_KNOWN_BYTES  # pyright: ignore[reportPrivateUsage]


def test_bombs_and_nonsense() -> None:
    blocks: HeaderBlocks[Lines] = HeaderBlocks(list, 16 * 1024)
    bomb = b"\x40\x01a\x7f\x81\x1e" + b"x" * 4000  # one large entry, then its index thousands of times (CVE-2016-6581)
    with pytest.raises(ConnectionFaultError) as caught:
        blocks.learn(bomb + b"\xbe" * 10_000)
    assert caught.value.code == ENHANCE_YOUR_CALM
    for nonsense in (
        b"\x80",
        b"\xff\xff\xff\xff\xff\xff",
        b"\x3f\xff\xff\xff\x7f",
        b"\x00\x05a",
        b"\x00\x81\xff\x00",
        b"\xff",
    ):
        with pytest.raises(ConnectionFaultError) as caught:
            HeaderBlocks[Lines](list, 16 * 1024).learn(nonsense)
        assert caught.value.code == COMPRESSION_ERROR, nonsense


@settings(max_examples=300, deadline=None)
@given(lines=lists)
def test_our_own_blocks_are_read_by_a_plain_decoder_and_leave_its_table_as_it_is(lines: Lines) -> None:
    plain = Decoder(64 * 1024)
    for block in (encode_lines(lines), EMPTY_TABLE + encode_lines(lines)):
        assert plain_meaning(plain, block) == lines
        assert not plain.header_table.dynamic_entries
