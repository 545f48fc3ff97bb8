import numpy as np
import pytest

from biasgan.codecs.bits import BitReader, BitWriter


def test_numbers_come_back() -> None:
    rng = np.random.default_rng(0)
    numbers = [(int(rng.integers(2**32 - 1)) >> int(rng.integers(32)), bool(rng.integers(2))) for _ in range(500)]
    writer = BitWriter()
    for number, exponential in numbers:
        if exponential:
            writer.golomb(number)
        else:
            writer.fixed(number, 32)
    reader = BitReader(writer.padded())
    assert [reader.golomb() if exponential else reader.fixed(32) for _, exponential in numbers] == [
        number for number, _ in numbers
    ]
    assert 8 * len(writer.padded()) - writer.bits < 8


@pytest.mark.parametrize(("number", "code"), [(0, "1"), (1, "010"), (2, "011"), (3, "00100"), (8, "0001001")])
def test_exponential_golomb_codes_are_those_of_the_standard(number: int, code: str) -> None:
    """H.265, table 9-2."""
    writer = BitWriter()
    writer.golomb(number)
    assert f"{writer.value:0{writer.bits}b}" == code
    assert BitReader(writer.padded()).golomb() == number


def test_what_ends_early_or_never_is_an_error() -> None:
    with pytest.raises(ValueError, match="it ends 5 bits early"):
        BitReader(b"\xff").fixed(13)
    with pytest.raises(ValueError, match="it ends 1 bits early"):
        BitReader(b"\0").golomb()
    with pytest.raises(ValueError, match="a number of more than 32 bits"):
        BitReader(bytes(20)).golomb()
