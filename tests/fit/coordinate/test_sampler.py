from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from imgnet.fit.coordinate.sampler import Batch, LatticeSampler


def picture(width: int, height: int) -> Tensor:
    """Every sample has a value of its own, so that a colour tells where it was taken."""
    return torch.arange(2.0 * height * width).reshape(2, height, width)


def sampler(
    width: int,
    height: int,
    pixels_per_step: int,
    mask: Tensor | None = None,
    *,
    chunk: int = 50,
    seed: int = 0,
) -> LatticeSampler:
    order = torch.Generator().manual_seed(seed)
    return LatticeSampler(picture(width, height), mask, pixels_per_step, chunk, order)


def pixels_of(batch: Batch) -> list[tuple[int, int]]:
    """Return the (y, x) of the samples, in the order of the target."""
    crossings = [(int(y), int(x)) for y, x in product(batch.y.tolist(), batch.x.tolist())]
    return crossings if batch.keep is None else [crossings[i] for i in batch.keep.tolist()]


def lattices_of_an_epoch(source: LatticeSampler) -> list[list[Batch]]:
    across, down = source.stride_x, source.stride_y
    mask = torch.ones_like(source.picture[0]) if source.mask is None else source.mask
    used = sum(bool(mask[y::down, x::across].any()) for y in range(down) for x in range(across))
    return [list(source.lattice()) for _ in range(used)]


def flat(lattices: list[list[Batch]]) -> list[tuple[int, int]]:
    return [pixel for batches in lattices for batch in batches for pixel in pixels_of(batch)]


SIZES = [(1, 1, 10), (1, 23, 4), (23, 1, 4), (12, 8, 1000), (12, 8, 10), (13, 7, 11), (17, 19, 1)]


def masks(width: int, height: int) -> list[Tensor | None]:
    noise = torch.rand(height, width, generator=torch.Generator().manual_seed(5)) < 0.3
    noise[0, 0] = True
    regular = torch.zeros(height, width, dtype=torch.bool)
    regular[::2, ::2] = True
    return [None, noise, regular]


@pytest.mark.parametrize(("width", "height", "pixels_per_step"), SIZES)
def test_an_epoch_visits_every_seen_pixel_once(
    width: int, height: int, pixels_per_step: int
) -> None:
    for mask in masks(width, height):
        everywhere = torch.ones(height, width, dtype=torch.bool)
        wanted = [tuple(p) for p in (everywhere if mask is None else mask).nonzero().tolist()]
        source = sampler(width, height, pixels_per_step, mask)
        for _ in range(2):
            assert sorted(flat(lattices_of_an_epoch(source))) == wanted
        assert sorted(flat([list(source.everything())])) == wanted


@pytest.mark.parametrize("mask", [0, 1, 2])
def test_targets_are_the_colours_of_their_pixels(mask: int) -> None:
    source = sampler(13, 7, 11, masks(13, 7)[mask])
    for batch in [b for batches in lattices_of_an_epoch(source) for b in batches]:
        wanted = [picture(13, 7)[:, y, x] for y, x in pixels_of(batch)]
        assert torch.equal(batch.target, torch.stack(wanted, dim=1))


def test_a_lattice_has_about_the_pixels_that_were_asked_for() -> None:
    lattices = lattices_of_an_epoch(sampler(60, 40, 100))
    sizes = [sum(batch.target.shape[1] for batch in batches) for batches in lattices]
    assert all(70 < size < 140 for size in sizes)


def test_sparse_masks_still_fill_a_step() -> None:
    mask = torch.rand(40, 60, generator=torch.Generator().manual_seed(5)) < 0.1
    lattices = lattices_of_an_epoch(sampler(60, 40, 100, mask))
    sizes = [sum(batch.target.shape[1] for batch in batches) for batches in lattices]
    assert 70 < sum(sizes) / len(sizes) < 140


def test_batches_are_whole_rows_of_at_most_a_chunk() -> None:
    for batch in sampler(20, 30, 600, chunk=50).everything():
        assert len(batch.x) == 20
        assert len(batch.y) == 2
    for batch in sampler(20, 3, 600, chunk=5).everything():
        assert len(batch.y) == 1  # a row is never cut


def test_no_empty_batch_is_handed_out() -> None:
    mask = torch.zeros(30, 20, dtype=torch.bool)
    mask[25, 3] = True
    batches = list(sampler(20, 30, 600, mask).everything())
    assert [pixels_of(batch) for batch in batches] == [[(25, 3)]]


def test_no_empty_lattice_is_handed_out() -> None:
    """A regular mask (each second pixel known) misses whole lattices; their steps would be lost."""
    mask = torch.zeros(32, 32, dtype=torch.bool)
    mask[::2, ::2] = True
    source = sampler(32, 32, 16, mask)
    sizes = [sum(batch.target.shape[1] for batch in source.lattice()) for _ in range(32)]
    assert all(sizes)


def test_the_order_is_random_and_follows_the_seed() -> None:
    first, again, other = (sampler(24, 24, 24, seed=seed) for seed in (1, 1, 2))
    epochs = [flat(lattices_of_an_epoch(source)) for source in (first, again, other)]
    assert epochs[0] == epochs[1]
    assert epochs[0] != epochs[2]
    assert flat(lattices_of_an_epoch(first)) != epochs[0]


def test_samples_that_do_not_count_come_with_their_pixels() -> None:
    samples = torch.rand(2, 7, 13, generator=torch.Generator().manual_seed(5)) < 0.4
    source = sampler(13, 7, 11, samples)
    assert source.mask is not None
    assert torch.equal(source.mask, samples.any(0))
    for batch in source.everything():
        wanted = [samples[:, y, x] for y, x in pixels_of(batch)]
        assert batch.sample_mask is not None
        assert torch.equal(batch.sample_mask, torch.stack(wanted, dim=1))
    assert all(
        batch.sample_mask is None for batch in sampler(13, 7, 11, samples.any(0)).everything()
    )
