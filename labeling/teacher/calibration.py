"""Temperature scaling (Guo et al., 2017): one number that makes confidence mean frequency."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from data_registry.arrays import Float64Array
from labeling.teacher.labelled import IntArray

_LEAST_PROBABILITY = 1e-12
_LOG_BOUNDS = (-4.0, 4.0)


def compute_log_loss(
    logits: Float64Array,
    classes: IntArray,
    temperature: float = 1.0,
    weights: Float64Array | None = None,
) -> float:
    """Compute the mean negative log-likelihood, in nats.

    Args:
        logits: shape (n, classes).
        classes: shape (n,).
        temperature: logits are divided by it.
        weights: shape (n,), of the images; None: all alike.
    """
    scaled = log_softmax(logits / temperature, axis=1)
    return float(np.average(-scaled[np.arange(len(classes)), classes], weights=weights))


def compute_doubting_log_loss(
    logits: Float64Array,
    classes: IntArray,
    temperature: float = 1.0,
    weights: Float64Array | None = None,
) -> float:
    """Compute the log-loss with one more image of any class: the targets of Platt (1999).

    Where all n images are right, the plain loss knows no confidence that is too high. This one
    has its best at an error rate of about 1 / (n + 1), the most that n images can show.

    Args:
        logits: shape (n, classes).
        classes: shape (n,).
        temperature: logits are divided by it.
        weights: shape (n,), of the images; n is their sum. None: all alike, 1.
    """
    doubt = 1 / ((len(classes) if weights is None else float(weights.sum())) + 1)
    any_class = -log_softmax(logits / temperature, axis=1).mean(axis=1)
    plain = compute_log_loss(logits, classes, temperature, weights)
    return (1 - doubt) * plain + doubt * float(np.average(any_class, weights=weights))


def fit_temperature(
    logits: Float64Array, classes: IntArray, weights: Float64Array | None = None
) -> float:
    """Fit the temperature with the smallest `compute_doubting_log_loss`, between e^-4 and e^4.

    Args:
        logits: shape (n, classes), of images that the model did not learn from.
        classes: shape (n,).
        weights: shape (n,), of the images; None: all alike, 1.
    """
    solution = minimize_scalar(
        lambda log_temperature: compute_doubting_log_loss(
            logits, classes, float(np.exp(log_temperature)), weights
        ),
        bounds=_LOG_BOUNDS,
        method="bounded",
    )
    return float(np.exp(solution.x))


def compute_log_probabilities(chances: Float64Array) -> Float64Array:
    """Compute log-probabilities, which replace logits up to a constant under a temperature.

    Args:
        chances: shape (n, classes); rows sum to 1.
    """
    logarithms: Float64Array = np.log(np.maximum(chances, _LEAST_PROBABILITY))
    return logarithms


def compute_probabilities(logits: Float64Array, temperature: float) -> Float64Array:
    """Compute calibrated probabilities.

    Args:
        logits: shape (n, classes).
        temperature: logits are divided by it.

    Returns:
        Shape (n, classes); rows sum to 1.
    """
    scaled: Float64Array = softmax(logits / temperature, axis=1)
    return scaled
