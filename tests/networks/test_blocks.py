import pytest
import torch

from biasgan.networks.blocks import conv_transposed, match_size


@pytest.mark.parametrize(("height", "width", "top", "left"), [(3, 4, 0, 0), (4, 6, 0, 1), (5, 7, 1, 1), (6, 4, 1, 0)])
def test_of_an_odd_difference_more_zeros_go_to_the_bottom_right(height: int, width: int, top: int, left: int) -> None:
    features = torch.rand(2, 5, 3, 4)
    matched = match_size(features, torch.empty(2, 1, height, width))
    assert matched.shape == (2, 5, height, width)
    assert torch.equal(matched[..., top : top + 3, left : left + 4], features)
    assert matched.count_nonzero() == features.count_nonzero()


def test_transposed_convolution_makes_one_pixel_less_than_twice() -> None:
    assert conv_transposed(2, 3)(torch.rand(1, 2, 1, 5)).shape == (1, 3, 1, 9)
