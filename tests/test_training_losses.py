import pytest
import torch

from deepmatte import pixels
from deepmatte.training import losses


def _alphas(value: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """pred_alpha differs from true_alpha by value everywhere; the upper half is unknown."""
    true_alpha = torch.zeros(2, 1, 48, 80)
    is_unknown = torch.zeros_like(true_alpha)
    is_unknown[:, :, :24] = 1
    return true_alpha + value, true_alpha, is_unknown


def _truth(value: float) -> tuple[torch.Tensor, losses.Truth]:
    pred_alpha, true_alpha, is_unknown = _alphas(value)
    return pred_alpha, losses.Truth(true_alpha, is_unknown)


def _colours() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    foreground, background = torch.rand(2, 2, 3, 48, 80, generator=generator)
    return foreground, background


def test_alpha_prediction_loss_and_its_derivative_are_those_of_the_paper() -> None:
    pred_alpha, true_alpha, is_unknown = _alphas(0.0)
    errors = torch.linspace(-3e-6, 3e-6, pred_alpha[0, 0].numel()).reshape(48, 80)
    pred_alpha = (true_alpha + errors).double().requires_grad_()
    loss = losses.alpha_prediction(pred_alpha, true_alpha, is_unknown)
    loss.backward()
    root = torch.sqrt(errors.double() ** 2 + 1e-12)
    assert float(loss.detach()) == pytest.approx(float(root[:24].mean()))
    assert pred_alpha.grad is not None
    expected = (errors / root * is_unknown) / is_unknown.sum()
    torch.testing.assert_close(pred_alpha.grad, expected.double())


def test_compositional_loss_is_the_error_times_the_distance_of_the_colours() -> None:
    foreground, background = _colours()
    loss = losses.compositional(*_alphas(0.25), foreground, background)
    distance = (foreground - background).norm(dim=1)[:, :24]
    assert float(loss) == pytest.approx(0.25 * float(distance.mean()), rel=1e-5)


def test_compositional_gradient_is_that_of_the_alpha_error_times_the_distance() -> None:
    foreground, background = _colours()
    pred_alpha, true_alpha, is_unknown = _alphas(-0.25)
    pred_alpha.requires_grad_()
    losses.compositional(pred_alpha, true_alpha, is_unknown, foreground, background).backward()
    assert pred_alpha.grad is not None
    distance = (foreground - background).norm(dim=1, keepdim=True)
    torch.testing.assert_close(pred_alpha.grad, -distance * is_unknown / is_unknown.sum())


def test_colours_are_composed_as_everywhere_else() -> None:
    foreground, background = _colours()
    alpha = torch.rand(2, 1, 48, 80, generator=torch.Generator().manual_seed(1))
    composed = losses.composite(foreground, background, alpha)
    for index in range(2):
        layers = [part[index].permute(1, 2, 0).numpy() for part in (foreground, background)]
        expected = pixels.composite(*layers, alpha[index, 0].numpy())
        torch.testing.assert_close(composed[index].permute(1, 2, 0), torch.from_numpy(expected))


def test_a_loss_of_colours_without_colours_says_so() -> None:
    with pytest.raises(ValueError, match="compositional needs the true foreground"):
        losses.total({"compositional": 1.0}, *_truth(0.5))


def test_known_error_counts_known_pixels_only() -> None:
    pred_alpha, true_alpha, is_unknown = _alphas(0.25)
    pred_alpha[is_unknown == 1] = 7
    assert float(losses.known(pred_alpha, true_alpha, is_unknown)) == pytest.approx(0.25)


def test_gradient_of_a_ramp_is_its_steps() -> None:
    _, true_alpha, is_unknown = _alphas(0.0)
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(80.0), indexing="ij")
    pred_alpha = (0.01 * rows + 0.02 * columns).expand_as(true_alpha)
    expected = (24 * 79 * 0.02 + 23 * 80 * 0.01) / (24 * 80)
    assert float(losses.gradient(pred_alpha, true_alpha, is_unknown)) == pytest.approx(expected, rel=1e-4)


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


@pytest.mark.parametrize("name", [name for name in losses.ALPHA_TERMS if name not in ("known", "gradient")])
def test_known_pixels_have_no_gradient(name: str) -> None:
    pred_alpha, true_alpha, is_unknown = _alphas(0.3)
    pred_alpha.requires_grad_()
    losses.ALPHA_TERMS[name](pred_alpha, true_alpha, is_unknown).backward()
    assert pred_alpha.grad is not None
    assert float(pred_alpha.grad[is_unknown == 0].abs().max()) == 0
    assert float(pred_alpha.grad[is_unknown == 1].abs().min()) > 0


@pytest.mark.parametrize("name", [name for name in losses.ALPHA_TERMS if name != "known"])
def test_nothing_unknown_is_no_loss(name: str) -> None:
    pred_alpha, true_alpha, is_unknown = _alphas(0.3)
    assert float(losses.ALPHA_TERMS[name](pred_alpha, true_alpha, 0 * is_unknown)) == 0


def test_the_total_is_the_weighted_sum_and_keeps_the_terms() -> None:
    terms = losses.total({"absolute": 2.0, "squared": 3.0}, *_truth(0.5))
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
