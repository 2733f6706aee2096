import pytest
import torch

from deepmatte.training import losses


def _alphas(value: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """pred_alpha differs from true_alpha by value everywhere; the upper half is unknown."""
    true_alpha = torch.zeros(2, 1, 48, 80)
    is_unknown = torch.zeros_like(true_alpha)
    is_unknown[:, :, :24] = 1
    return true_alpha + value, true_alpha, is_unknown


def test_absolute_error_of_a_constant_difference_is_that_difference() -> None:
    assert float(losses.absolute(*_alphas(0.25))) == pytest.approx(0.25)


def test_squared_error_of_a_constant_difference_is_its_square() -> None:
    assert float(losses.squared(*_alphas(0.25))) == pytest.approx(0.0625)


def test_laplacian_of_a_constant_difference_is_its_coarsest_level() -> None:
    true_alpha = torch.zeros(1, 1, 32, 48)
    everywhere = torch.ones_like(true_alpha)
    assert float(losses.laplacian(true_alpha + 0.5, true_alpha, everywhere)) == pytest.approx(0.5)


def test_laplacian_of_a_checkerboard_is_its_finest_level() -> None:
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(48), indexing="ij")
    pred_alpha = ((rows + columns) % 2 * 2.0 - 1)[None, None]
    true_alpha = torch.zeros_like(pred_alpha)
    # Every difference of ±1 vanishes on the first halving; level 0 weighs 1 of 2⁴.
    assert float(losses.laplacian(pred_alpha, true_alpha, torch.ones_like(pred_alpha))) == pytest.approx(
        1 / 16
    )


@pytest.mark.parametrize("name", list(losses.TERMS))
def test_known_pixels_have_no_gradient(name: str) -> None:
    pred_alpha, true_alpha, is_unknown = _alphas(0.3)
    pred_alpha.requires_grad_()
    losses.TERMS[name](pred_alpha, true_alpha, is_unknown).backward()
    assert pred_alpha.grad is not None
    assert float(pred_alpha.grad[is_unknown == 0].abs().max()) == 0
    assert float(pred_alpha.grad[is_unknown == 1].abs().min()) > 0


@pytest.mark.parametrize("name", list(losses.TERMS))
def test_nothing_unknown_is_no_loss(name: str) -> None:
    pred_alpha, true_alpha, is_unknown = _alphas(0.3)
    assert float(losses.TERMS[name](pred_alpha, true_alpha, 0 * is_unknown)) == 0


def test_the_total_is_the_weighted_sum_and_keeps_the_terms() -> None:
    terms = losses.total({"absolute": 2.0, "squared": 3.0}, *_alphas(0.5))
    assert set(terms) == {"absolute", "squared", "total"}
    assert float(terms["total"]) == pytest.approx(2 * 0.5 + 3 * 0.25)


def test_what_lies_beyond_the_truth_at_both_ends_costs_nothing() -> None:
    pred_alpha = torch.tensor([-0.2, 1.3, 1.3, -0.2, 0.4, 1.3]).requires_grad_()
    true_alpha = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.5, 0.5])
    cut = losses.cut_off(pred_alpha, true_alpha)
    torch.testing.assert_close(cut.detach(), torch.tensor([0.0, 1.0, 1.3, -0.2, 0.4, 1.3]))
    (cut - true_alpha).abs().sum().backward()
    assert pred_alpha.grad is not None
    assert pred_alpha.grad.tolist() == [0, 0, 1, -1, -1, 1]
