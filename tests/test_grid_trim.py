from __future__ import annotations

import numpy as np
import pytest
from grid_samples import Tensors, grid_spec, random_tensors

from imgnet import gridstream
from imgnet.grid_trim import trim

SPEC = grid_spec(24, 16)
TENSORS = random_tensors(SPEC)


def num_bytes(tensors: Tensors) -> int:
    return len(gridstream.pack(SPEC, tensors, 0))


WHOLE = num_bytes(TENSORS)


@pytest.mark.parametrize("part", [0.95, 0.7])
def test_what_is_left_fits_but_is_not_much_smaller(part: float) -> None:
    most = int(part * WHOLE)
    trimmed = trim(SPEC, TENSORS, num_bytes, most)
    assert trimmed is not None
    assert 0.93 * most < num_bytes(trimmed) <= most


def test_latents_become_zero_or_stay_and_the_network_stays() -> None:
    trimmed = trim(SPEC, TENSORS, num_bytes, int(0.8 * WHOLE))
    assert trimmed is not None
    for name, tensor in TENSORS.items():
        before, after = tensor.values, trimmed[name].values
        if name.startswith("latents."):
            assert np.array_equal(after[after != 0], before[after != 0])
        else:
            assert np.array_equal(after, before)


def test_the_finest_go_first_and_of_them_the_dearest() -> None:
    trimmed = trim(SPEC, TENSORS, num_bytes, int(0.9 * WHOLE))
    assert trimmed is not None
    dropped, kept = [], []
    for name, laws in gridstream.grid_laws(SPEC, TENSORS).items():
        values = TENSORS[name].values.ravel()
        gone = (values != 0) & (trimmed[name].values.ravel() == 0)
        level = int(name.rpartition(".")[2])
        bits = gridstream.latent_bits(values, laws)
        dropped += [(level, -cost) for cost in bits[gone]]
        kept += [(level, -cost) for cost in bits[~gone & (values != 0)]]
    assert max(dropped) <= min(kept)


def test_a_network_alone_may_be_too_large() -> None:
    assert trim(SPEC, TENSORS, num_bytes, 40) is None
