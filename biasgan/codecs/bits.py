class BitReader:
    """Reads numbers from bytes, most significant bit first.

    Args:
        data: The bytes.
    """

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data, "big")
        self.left = 8 * len(data)

    def fixed(self, bits: int) -> int:
        """A number of a fixed length: HEVC's u(n).

        Raises:
            ValueError: If fewer bits are left.
        """
        if bits > self.left:
            raise ValueError(f"it ends {bits - self.left} bits early")
        self.left -= bits
        return (self.value >> self.left) & ((1 << bits) - 1)

    def flag(self) -> bool:
        """One bit."""
        return bool(self.fixed(1))

    def golomb(self) -> int:
        """An Exp-Golomb number below 2³²: HEVC's ue(v).

        Raises:
            ValueError: If it is longer, or fewer bits are left.
        """
        zeros = 0
        while not self.flag():
            zeros += 1
            if zeros > 31:
                raise ValueError("it has a number of more than 32 bits")
        return (1 << zeros) - 1 + self.fixed(zeros)


class BitWriter:
    """Collects numbers as bits, most significant bit first."""

    def __init__(self) -> None:
        self.value = 0
        self.bits = 0

    def fixed(self, value: int, bits: int) -> None:
        """Append a number of a fixed length: HEVC's u(n)."""
        self.value = self.value << bits | value
        self.bits += bits

    def golomb(self, value: int) -> None:
        """Append an Exp-Golomb number: HEVC's ue(v)."""
        self.fixed(value + 1, 2 * (value + 1).bit_length() - 1)

    def padded(self) -> bytes:
        """All of it, with zero bits to the end of the last byte."""
        spare = -self.bits % 8
        return (self.value << spare).to_bytes((self.bits + spare) // 8, "big")
