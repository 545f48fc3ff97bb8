import torch

from biasgan.analysis.patches import patch_grid


def test_the_grid_starts_at_the_corner_and_drops_remainders() -> None:
    image = torch.arange(7.0 * 9).reshape(1, 1, 7, 9)
    patches = patch_grid(image, size=3)
    corners = [(row, column) for row in (0, 3) for column in (0, 3, 6)]
    assert torch.equal(patches, torch.cat([image[:, :, r : r + 3, c : c + 3] for r, c in corners]))


def test_at_most_so_many_are_spread_evenly() -> None:
    image = torch.arange(7.0 * 9).reshape(1, 1, 7, 9)
    patches = patch_grid(image, size=3)
    assert torch.equal(patch_grid(image, size=3, most=3), patches[[0, 2, 5]])
    assert torch.equal(patch_grid(image, size=3, most=100), patches)


def test_a_side_that_is_too_short_is_reflected() -> None:
    image = torch.arange(4.0 * 6).reshape(1, 1, 4, 6)
    (patch,) = patch_grid(image, size=6)
    assert torch.equal(patch[0], image[0, 0][[0, 1, 2, 3, 2, 1]])
