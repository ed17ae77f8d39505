from __future__ import annotations

import pytest
import torch

from imgnet.encoder.prior import FOR_DETAIL, FOR_SMOOTH
from imgnet.fit.grid import analysis_network
from imgnet.fit.grid.analysis_network import AnalysisNetwork, trained_analysis


def planes(height: int, width: int) -> torch.Tensor:
    return torch.randn(3, height, width, generator=torch.Generator().manual_seed(2))


def test_an_untrained_network_corrects_nothing() -> None:
    corrections = AnalysisNetwork()(planes(32, 48), 0.0, 5)
    assert all(not correction.any() for correction in corrections.values())


@pytest.mark.parametrize("size", [(32, 48), (37, 51), (8, 130)])
def test_every_level_gets_corrections_of_its_size(size: tuple[int, int]) -> None:
    height, width = size
    corrections = AnalysisNetwork()(planes(height, width), 0.0, 5)
    fine = {(0, 0), (0, 1)}
    assert set(corrections) == fine | {(p, level) for p in range(3) for level in (2, 3, 4)}
    for (_, level), correction in corrections.items():
        assert correction.shape == (-(-height >> level), -(-width >> level))


@pytest.mark.parametrize("size", [(300, 41), (257, 64), (512, 30)])
def test_strips_give_the_corrections_of_the_whole(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = trained_analysis(FOR_DETAIL)
    assert network is not None
    whole = network(planes(*size), 0.0, 6)
    monkeypatch.setattr(analysis_network, "STRIP", 38)
    for grid, correction in network(planes(*size), 0.0, 6).items():
        assert torch.allclose(correction, whole[grid], atol=1e-3)


def test_more_levels_share_the_weights_of_fewer() -> None:
    network = trained_analysis(FOR_DETAIL)
    assert network is not None
    assert len(network(planes(64, 64), 0.0, 7)) == 2 + 3 * 5


def test_corrections_depend_on_the_price_of_a_bit() -> None:
    network = trained_analysis(FOR_DETAIL)
    assert network is not None
    dear, cheap = (network(planes(32, 32), lmbda_index, 4)[0, 0] for lmbda_index in (-1.0, 1.0))
    assert (dear - cheap).abs().max() > 1e-3


def test_only_one_prior_has_a_network() -> None:
    assert trained_analysis(FOR_SMOOTH) is None
