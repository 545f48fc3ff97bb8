import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, NamedTuple

ORDERS: Mapping[bytes, Literal["<", ">"]] = {b"II": "<", b"MM": ">"}
NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""Kinds of whole numbers, in the words of `struct`."""
RATIONALS = {5: "I", 10: "i"}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value of each kind."""


class Entry(NamedTuple):
    """An entry of a directory.

    Attributes:
        tag: What it is about.
        kind: Of its values.
        number: Of its values.
        place: Where it stands in the data.
    """

    tag: int
    kind: int
    number: int
    place: int


@dataclass(frozen=True)
class Directory:
    """The first directory of TIFF tags in some data, as EXIF has one too, as far as it can be read.

    Attributes:
        data: That it is in; places are counted from its start.
        order: Of the bytes of its numbers, as `struct` calls it.
        big: Whether it is a BigTIFF's.
        start: Where its count stands.
        entries: By their tags; of several with one tag the first.
        following: Where the next directory begins; 0 if there is none.
    """

    data: bytes
    order: Literal["<", ">"]
    big: bool
    start: int
    entries: Mapping[int, Entry] = field(default_factory=dict[int, Entry])
    following: int = 0

    @property
    def width(self) -> int:
        """Bytes of an entry."""
        return 20 if self.big else 12

    def content(self, tag: int) -> bytes:
        """The values of a tag as bytes, as many as there are in the data."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in SIZES:
            return b""
        length, room = SIZES[entry.kind] * entry.number, 8 if self.big else 4
        place = entry.place + self.width - room
        if length > room:
            (place,) = struct.unpack_from(self.order + ("Q" if self.big else "I"), self.data, place)
        return self.data[place : place + length]

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The whole numbers of a tag."""
        code = NUMBERS.get(self.entries[tag].kind) if tag in self.entries else None
        return tuple(self.unpacked(tag, code)) if code else ()

    def rationals(self, tag: int) -> tuple[Fraction | None, ...]:
        """The fractions of a tag, None where the denominator is zero."""
        code = RATIONALS.get(self.entries[tag].kind) if tag in self.entries else None
        values = tuple(self.unpacked(tag, code)) if code else ()
        pairs = zip(values[::2], values[1::2], strict=False)
        return tuple(Fraction(above, below) if below else None for above, below in pairs)

    def unpacked(self, tag: int, code: str) -> Iterator[int]:
        """The values of a tag."""
        content, size = self.content(tag), struct.calcsize(f"={code}")
        return (value for (value,) in struct.iter_unpack(self.order + code, content[: len(content) // size * size]))


def read_directory(data: bytes) -> Directory | None:
    """Read what begins as TIFF does; None if it does not."""
    order = ORDERS.get(data[:2])
    if order is None or len(data) < 8:
        return None
    (version,) = struct.unpack_from(f"{order}H", data, 2)
    if version not in (42, 43):
        return None
    big = version == 43
    counts, places, head = ("Q", "Q", 8) if big else ("H", "I", 4)
    width, entries = 20 if big else 12, dict[int, Entry]()
    try:
        (start,) = struct.unpack_from(order + places, data, head)
        (count,) = struct.unpack_from(order + counts, data, start)
    except struct.error:
        return Directory(data, order, big, 0)
    place = start + struct.calcsize(f"={counts}")
    for _ in range(count):
        if place + width > len(data):
            return Directory(data, order, big, start, entries)
        tag, kind, number = struct.unpack_from(f"{order}HH{places}", data, place)
        entries.setdefault(tag, Entry(tag, kind, number, place))
        place += width
    end = data[place : place + struct.calcsize(f"={places}")].ljust(struct.calcsize(f"={places}"), b"\0")
    return Directory(data, order, big, start, entries, *struct.unpack(order + places, end))
