"""Damage to files, as seeded as the generator that is given."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

Mutation = Callable[[bytearray, Random], None]
TELLING = (0, 1, 2, 3, 7, 8, 9, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
"""Numbers at which programs go wrong."""


def mutate(data: bytes, random: Random) -> bytes:
    """A copy of a file with one to four damages; JPEG files are also damaged at the places that matter most."""
    damaged = bytearray(data)
    mutations = (*ANYWHERE, *JPEG) if data.startswith(b"\xff\xd8") else ANYWHERE
    for _ in range(random.choice((1, 1, 2, 4))):
        random.choice(mutations)(damaged, random)
    return bytes(damaged)


def flip_bits(data: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 2, 16))):
        if data:
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def overwrite(data: bytearray, random: Random) -> None:
    start, end = run(data, random)
    data[start:end] = random.choice((bytes(end - start), b"\xff" * (end - start), random.randbytes(end - start)))


def overwrite_head(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(min(64, len(data)))] = random.randrange(256)


def truncate(data: bytearray, random: Random) -> None:
    del data[random.randint(0, len(data)) :]


def insert(data: bytearray, random: Random) -> None:
    start, end = run(data, random)
    data[start:start] = random.randbytes(end - start)


def remove(data: bytearray, random: Random) -> None:
    start, end = run(data, random)
    del data[start:end]


def duplicate(data: bytearray, random: Random) -> None:
    start, end = run(data, random)
    data[start:start] = data[start:end] * random.choice((1, 1, 50))


def edit_number(data: bytearray, random: Random) -> None:
    """Set a number of one, two or four bytes, as lengths and sizes are, wherever it may be."""
    width = random.choice((1, 2, 4))
    put(data, random.randint(0, len(data)), width, random, random.choice(("big", "little")))


def run(data: bytearray, random: Random) -> tuple[int, int]:
    """Start and end of some bytes, mostly few."""
    start = random.randint(0, len(data))
    return start, min(len(data), start + random.choice((1, 2, 4, 16, 64, 1024)))


def put(data: bytearray, place: int, width: int, random: Random, order: str = "big") -> None:
    """Set a number to a telling value, to any, or to one close by."""
    if place + width > len(data):
        return
    near = int.from_bytes(data[place : place + width]) + random.choice((-2, -1, 1, 2))
    value = random.choice((random.choice(TELLING), random.getrandbits(8 * width), near)) % 256**width
    number = value.to_bytes(width)
    data[place : place + width] = number if order == "big" else number[::-1]


class Segment(NamedTuple):
    """A marker of a JPEG file's head and where it stands; its length follows, then its content."""

    marker: int
    start: int
    end: int


def segments(data: bytearray) -> list[Segment]:
    """The head of a JPEG file up to its first scan, as far as it is whole."""
    found: list[Segment] = []
    start = 2
    while start + 4 <= len(data) and data[start] == 0xFF and (not found or found[-1].marker != 0xDA):
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4])
        found.append(Segment(data[start + 1], start, min(end, len(data))))
        start = end
    return found


def choose(data: bytearray, random: Random, *markers: int) -> Segment | None:
    """One of the segments with these markers, or of all."""
    chosen = [segment for segment in segments(data) if not markers or segment.marker in markers]
    return random.choice(chosen) if chosen else None


def jpeg_size(data: bytearray, random: Random) -> None:
    """Height or width in the frame header, or both."""
    frame = choose(data, random, 0xC0, 0xC1, 0xC2)
    if frame:
        for side in random.choice(((5,), (7,), (5, 7))):
            put(data, frame.start + side, 2, random)


def jpeg_plausible_size(data: bytearray, random: Random) -> None:
    """Height and width in the frame header to what a decoder may well accept."""
    frame = choose(data, random, 0xC0, 0xC1, 0xC2)
    if frame and frame.end - frame.start > 9:
        sides = random.choice(((8000, 4000), (100, 65500), (65500, 500), (3000, 2000), (4096, 8192), (9000, 9000)))
        data[frame.start + 5 : frame.start + 9] = b"".join(side.to_bytes(2) for side in sides)


def jpeg_components(data: bytearray, random: Random) -> None:
    """Precision, or number, names, subsampling or tables of the components, in frame or scan header."""
    header = choose(data, random, 0xC0, 0xC1, 0xC2, 0xDA)
    if header:
        place = random.choice((4, *range(9, max(10, header.end - header.start))))
        put(data, header.start + place, 1, random)


def jpeg_marker(data: bytearray, random: Random) -> None:
    """Make a segment one of another kind, a frame one of another process."""
    segment = choose(data, random)
    if segment:
        data[segment.start + 1] = random.choice((random.randrange(0xC0, 0xD0), random.randrange(256)))


def jpeg_length(data: bytearray, random: Random) -> None:
    segment = choose(data, random)
    if segment:
        put(data, segment.start + 2, 2, random)


def jpeg_tables(data: bytearray, random: Random) -> None:
    """Counts and symbols of Huffman tables, steps of quantisation, the restart interval."""
    table = choose(data, random, 0xC4, 0xDB, 0xDD)
    if table:
        for _ in range(random.choice((1, 4))):
            put(data, random.randrange(table.start + 4, max(table.start + 5, table.end)), 1, random)


ANYWHERE: tuple[Mutation, ...] = (
    *(flip_bits, overwrite, overwrite_head, truncate),
    *(insert, remove, duplicate, edit_number),
)
JPEG: tuple[Mutation, ...] = (
    *(jpeg_size, jpeg_plausible_size, jpeg_components),
    *(jpeg_marker, jpeg_length, jpeg_tables),
)
