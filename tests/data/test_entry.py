import numpy as np
import pytest

from biasgan.data.entry import Entry, names_of


class Named(Entry):
    """An entry whose pixels nobody asks for."""

    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        raise AssertionError


@pytest.mark.parametrize(
    ("given", "names"),
    [("", ""), ("a b c", "a b c"), ("a b a a", "a b a-2 a-3"), ("a-2 a a", "a-2 a a-3"), ("a a a-2", "a a-2 a-2-2")],
)
def test_names_become_different(given: str, names: str) -> None:
    assert names_of(Named(name, 1, 1, 8, None) for name in given.split()) == names.split()
