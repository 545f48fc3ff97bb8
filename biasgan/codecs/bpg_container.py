from typing import Literal, NamedTuple

from biasgan.codecs.bits import BitReader, BitWriter
from biasgan.codecs.hevc_parameters import Tools, read_tools, write_tools

MAGIC = b"BPG\xfb"
Chroma = Literal["grey", "4:2:0", "4:2:2", "4:4:4"]
CHROMAS: tuple[Chroma, ...] = ("grey", "4:2:0", "4:2:2", "4:4:4")
"""By BPG's number, which is HEVC's too."""
EXIF, PROFILE, XMP = 1, 2, 3
"""Kinds of extensions."""
COLOUR_SPACES = ("YCbCr of BT.601", "RGB", "YCgCo", "YCbCr of BT.709", "YCbCr of BT.2020")


class Picture(NamedTuple):
    """The content of a BPG file: one still picture of 8 bits in full-range BT.601.

    Attributes:
        chroma: Sampling of the chroma planes, each sample in the middle of those it stands for.
        width: In pixels.
        height: In pixels.
        tools: HEVC's block sizes and coding tools.
        data: HEVC's picture parameter set and slices, the first without its start code.
    """

    chroma: Chroma
    width: int
    height: int
    tools: Tools
    data: bytes


def write(picture: Picture) -> bytes:
    """A BPG file of a picture.

    Source: BPG specification 0.9.8.
    """
    bits = BitWriter()
    write_tools(bits, picture.tools, in_sequence=False)
    tools = bits.padded()
    head = MAGIC + bytes((CHROMAS.index(picture.chroma) << 5, 0))
    sizes = (picture.width, picture.height, 0, len(tools))
    return head + b"".join(map(variable_length, sizes)) + tools + picture.data


def read(file: bytes) -> Picture:
    """The picture in a BPG file, without its extensions.

    Raises:
        ValueError: If the file is damaged, no BPG file, or of a kind that is not supported; says what it is.
    """
    if file[:4] != MAGIC:
        raise ValueError("it does not begin as BPG files do")
    bits = BitReader(file[4:6])
    pixel_format, alpha, depth = bits.fixed(3), bits.flag(), bits.fixed(4) + 8
    colours, extended, alpha_of_kind_2 = bits.fixed(4), bits.flag(), bits.flag()
    limited, animated = bits.flag(), bits.flag()
    unsupported = {
        "an alpha plane": alpha or alpha_of_kind_2,
        f"{depth} bits": depth != 8,
        "MPEG-2's chroma positions": pixel_format in (4, 5),
        f"pixel format {pixel_format}": pixel_format > 5,
        COLOUR_SPACES[colours] if colours < len(COLOUR_SPACES) else f"colour space {colours}": colours != 0,
        "limited range": limited,
        "animation": animated,
    }
    found = [name for name, present in unsupported.items() if present]
    if found:
        raise ValueError(f"it has {', '.join(found)}, not supported: one still picture of 8-bit full-range BT.601 is")

    width, height, position = read_size(file)
    if not width or not height:
        raise ValueError(f"it has {width} x {height} pixels")
    length, position = read_variable_length(file, position)
    if extended:
        skipped, position = read_variable_length(file, position)
        position += skipped
    end = position + length if length else len(file)
    tools_length, position = read_variable_length(file, position)
    start = position + tools_length
    if not position < start < end <= len(file):
        raise ValueError("it ends early")
    tools = read_tools(BitReader(file[position:start]), in_sequence=False)
    return Picture(CHROMAS[pixel_format], width, height, tools, file[start:end])


def read_size(file: bytes) -> tuple[int, int, int]:
    """Width and height of a BPG file, and the position behind them.

    Raises:
        ValueError: If they are damaged.
    """
    width, position = read_variable_length(file, 6)
    return width, *read_variable_length(file, position)


def read_extensions(file: bytes) -> dict[int, bytes]:
    """What a BPG file says beside its picture, by kind, as far as it can be read; of several of a kind the first."""
    found: dict[int, bytes] = {}
    if len(file) < 6 or not file[5] & 0x08:
        return found
    try:
        *_, position = read_size(file)
        _, position = read_variable_length(file, position)
        length, position = read_variable_length(file, position)
        end = min(position + length, len(file))
        while position < end:
            kind, position = read_variable_length(file, position)
            size, position = read_variable_length(file, position)
            found.setdefault(kind, file[position : min(position + size, end)])
            position += size
    except ValueError:
        pass
    return found


def variable_length(number: int) -> bytes:
    """A number in groups of seven bits: ue7."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def read_variable_length(data: bytes, position: int) -> tuple[int, int]:
    """A number in groups of seven bits, at most five of them, and the position behind it.

    Raises:
        ValueError: If it is longer or cut off.
    """
    number = 0
    for end, byte in enumerate(data[position : position + 5], position + 1):
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, end
    raise ValueError("it has a damaged number in its head")
