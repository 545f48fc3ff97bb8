from itertools import product

import pytest

from biasgan.codecs.bits import BitReader, BitWriter
from biasgan.codecs.hevc_parameters import (
    PCM,
    SPS,
    VPS,
    SequenceParameters,
    Tools,
    nal_unit,
    nal_units,
    parameter_sets,
    read_sequence_parameters,
    read_tools,
    write_tools,
)

PLAIN = Tools(3, 3, 2, 3, 2, True, None, True, ())
TOOLS = [
    PLAIN,
    Tools(4, 0, 2, 2, 0, False, None, False, ()),
    Tools(3, 3, 2, 3, 2, True, PCM(8, 7, 3, 2, True), False, ()),
    Tools(5, 1, 3, 2, 1, False, PCM(1, 1, 5, 0, False), True, (True, False) * 4 + (True,)),
]


@pytest.mark.parametrize(("tools", "chroma_format"), [*product(TOOLS, range(4))])
def test_sequence_parameters_come_back(tools: Tools, chroma_format: int) -> None:
    parameters = SequenceParameters(chroma_format, 65536, 8, tools)
    units = nal_units(parameter_sets(parameters))
    assert [kind for kind, _ in units] == [VPS, SPS]
    assert read_sequence_parameters(units[1][1][2:]) == parameters


@pytest.mark.parametrize("tools", TOOLS)
def test_tools_of_a_header_come_back(tools: Tools) -> None:
    bits = BitWriter()
    write_tools(bits, tools, in_sequence=False)
    assert read_tools(BitReader(bits.padded()), in_sequence=False) == tools


def test_the_usual_header_has_three_bytes() -> None:
    """As bpgenc writes it: BPG specification, HEVC header."""
    bits = BitWriter()
    write_tools(bits, PLAIN, in_sequence=False)
    assert bits.padded() == bytes.fromhex("92 47 40")


def test_no_start_code_within_a_unit() -> None:
    bits = BitWriter()
    for number in (0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 0, 0, 4):
        bits.fixed(number, 8)
    unit = nal_unit(SPS, bits)
    assert unit[3:].hex(" ") == "42 01 00 01 00 00 03 02 00 00 03 03 00 00 03 00 00 04 80"
    assert [kind for kind, _ in nal_units(unit + unit)] == [SPS, SPS]
