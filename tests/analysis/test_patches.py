import torch

from biasgan.analysis.patches import most_damaged, patch_grid, patches_of


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


def test_the_most_damaged_patch_is_that_of_all_versions() -> None:
    images = {state: torch.zeros(1, 3, 256, 3 * 256) for state in ("compressed", "restored", "original")}
    images["original"][..., 5:9, 300:400] = 1
    images["restored"][..., :256] = 1
    place, crops = most_damaged(images, 256)
    assert place == 1
    assert all(crop.shape == (3, 256, 256) for crop in crops.values())
    assert torch.equal(crops["original"], images["original"][0, :, :, 256:512])
    assert crops["restored"].max() == 0


def test_the_same_patches_of_all_versions_come_some_at_a_time() -> None:
    images = [torch.rand(1, 3, 20, 33) for _ in range(2)]
    parts = list(patches_of(images, 8, 3, most=5))
    assert [len(one) for one, _ in parts] == [3, 2]
    for number, image in enumerate(images):
        assert torch.equal(torch.cat([part[number] for part in parts]), patch_grid(image, 8, 5))
