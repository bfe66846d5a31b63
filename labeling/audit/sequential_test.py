"""The audit's test: exact for a finite set, and valid wherever the reviewer stops.

N accepted images are answered in a random order that was fixed before the first answer. Suppose
that m of them are wrong. The chance that the first n hold exactly e wrong ones, and that no earlier
look certified anything, is counted exactly: the paths are the positions of the e errors, and every
path has the same hypergeometric probability. The boundary n_e is the least n whose chance fits into
the risk that is set aside for e errors. All these risks add up to delta at most, so a set with m or
more wrong images is certified with a chance of at most delta, however often somebody looks.

Without an error this is the likelihood ratio without replacement against "none is wrong", as in
ALPHA (Stark, Annals of Applied Statistics 17, 2023) and RiLACS (Waudby-Smith, Stark and Ramdas,
2021): 19 of 25, 31 of 60 or 47 of 200 right answers certify 0.95. A mixture of
likelihood ratios, the prior-posterior-ratio martingale (Waudby-Smith and Ramdas, "Confidence
sequences for sampling without replacement", NeurIPS 2020), takes some 20 % more answers where
precision is 0.99 or better, and fewer near the target; `python -m benchmarks.audit` compares them.
Testing many m gives a confidence sequence, which holds at all looks at once.
"""

import math
from functools import lru_cache

import numpy as np
from scipy.special import gammaln

from data_registry.arrays import Float64Array
from labeling.audit.target import DELTA
from labeling.teacher.labelled import BoolArray, IntArray

# Of the risk, kept for samples with errors. In a small set answering everything costs little more.
_RESERVE = 1 / 40
_SHARE = 0.3  # of what is then left, for each further error; chosen on sets of 60 to 1,000
_SMALL = 50
# Numbers of wrong images that are tested, as factors of the target's own. Wide enough upwards that
# the target never waits for a weaker claim.
_WEAKER, _STRICTER = 1.35, 0.85
_ROUNDING = 1e-9
_LEAST_LOOKS = 128


def count_tolerable_errors(accepted: int, target: float) -> int:
    """Count the wrong images that a set of this size may hold at the target."""
    return math.floor(accepted * (1 - target) + _ROUNDING)


def count_answers_needed(
    accepted: int, target: float, wrong: int = 0, delta: float = DELTA
) -> int | None:
    """Count the answers in all that certify the target with so many of them wrong.

    Args:
        accepted: images in the set.
        target: precision to certify.
        wrong: images in the sample that were accepted wrongly.
        delta: chance of a false certificate.

    Returns:
        None where so many wrong images rule the target out.
    """
    tolerable = count_tolerable_errors(accepted, target)
    if wrong > tolerable:
        return None
    if tolerable + 1 > accepted:
        return 0
    own = int(np.flatnonzero(_select_nulls(accepted, tolerable) == tolerable + 1)[0])
    looks = _LEAST_LOOKS
    while True:
        needed = int(_build_boundaries(accepted, tolerable, delta, wrong, looks)[own, wrong])
        if needed <= looks or looks >= accepted:
            return needed
        looks *= 2


def bound_errors(accepted: int, right: BoolArray, target: float, delta: float = DELTA) -> int:
    """Bound the number of wrong images in the set; too low with a chance of at most delta.

    Args:
        accepted: images in the set.
        right: shape (n,), the answers in the order of the sample, from its first image on.
        target: precision that was fixed before the first answer.
        delta: chance that the bound is too low at any look.
    """
    errors: IntArray = np.flatnonzero(~right)
    known = accepted - right.size + errors.size
    tolerable = count_tolerable_errors(accepted, target)
    if accepted <= tolerable:
        return known
    looks = max(_LEAST_LOOKS, 1 << right.size.bit_length())
    boundaries = _build_boundaries(accepted, tolerable, delta, errors.size, looks)
    # How many answers there were when the next error came, by the errors before it.
    last_looks = np.append(errors, right.size)
    rejected = (last_looks[None, :] >= boundaries).any(axis=1)
    leading = int(np.argmin(np.append(rejected, False)))
    if not leading:
        return known
    tested = int(_select_nulls(accepted, tolerable)[leading - 1]) - 1
    return max(min(known, tested), errors.size)


def compute_target_boundary(accepted: int, target: float, delta: float = DELTA) -> IntArray:
    """Compute after how many answers the target is certified, for each tolerable number of errors.

    Returns:
        Shape (tolerable errors + 1,), see `count_answers_needed`.
    """
    tolerable = count_tolerable_errors(accepted, target)
    boundaries = _build_boundaries(accepted, tolerable, delta, tolerable, accepted)
    own: IntArray = boundaries[_select_nulls(accepted, tolerable) == tolerable + 1][0]
    return own


def compute_round_delta(number: int) -> float:
    """Compute the risk that the audit of this number in a project may take.

    The first takes `DELTA`, each later one DELTA / (number * (number - 1)): all together take less
    than twice `DELTA`, however many follow.

    Args:
        number: from 1.
    """
    return DELTA if number == 1 else DELTA / (number * (number - 1))


def compute_total_delta(number: int) -> float:
    """Compute the risk of the audits up to this number together."""
    return DELTA * (2 - 1 / number)


def _select_nulls(accepted: int, tolerable: int) -> IntArray:
    """Select the numbers of wrong images that are tested, the largest first."""
    own = min(tolerable + 1, accepted)
    weaker = own * _WEAKER ** np.arange(1, math.log(accepted / own, _WEAKER) + 1)
    stricter = own * _STRICTER ** np.arange(math.log(own, 1 / _STRICTER) + 1)
    spaced = np.concatenate([np.ceil(weaker), stricter.round()]).astype(np.int64)
    return np.unique(np.clip(np.append(spaced, own), 1, accepted))[::-1].copy()


@lru_cache(maxsize=64)
def _build_boundaries(
    accepted: int, tolerable: int, delta: float, most_wrong: int, looks: int
) -> IntArray:
    """Build the boundaries of all nulls; shape (nulls, most_wrong + 1).

    Each null waits for those with more wrong images, so that their rejections are nested and one
    risk covers them all.
    """
    nulls = _select_nulls(accepted, tolerable)
    rows = [compute_boundary(accepted, int(null), delta, most_wrong, looks) for null in nulls]
    boundaries: IntArray = np.maximum.accumulate(np.array(rows), axis=0)
    return boundaries


def compute_boundary(
    accepted: int, null: int, delta: float, most_wrong: int, looks: int
) -> IntArray:
    """Compute after how many answers a set with `null` or more wrong images is ruled out.

    Args:
        accepted: N, images in the set.
        null: m, of them wrong.
        delta: chance to rule it out although it is true.
        most_wrong: the last number of errors that is of interest.
        looks: the last number of answers that is of interest.

    Returns:
        Shape (most_wrong + 1,), for each number of errors among the answers. Where it is above
        `looks`, no look so far can tell.
    """
    size = min(looks, accepted) + 1
    boundary = np.full(most_wrong + 1, accepted + 1, dtype=np.int64)
    logs: Float64Array = gammaln(np.arange(accepted + 2))  # logs[k] is log (k - 1)!
    answers = np.arange(size)
    paths = np.zeros(size)  # log number of paths that no look has ended
    left = delta
    for wrong in range(min(most_wrong, null - 1) + 1):
        chance = paths + _compute_log_path(logs, answers, null, wrong)
        boundary[wrong], spent = _find_first(
            chance, _set_aside(left, wrong, accepted), accepted - null + wrong + 1
        )
        left = max(left - spent, 0.0)
        # The next error comes after `wrong` others and before the look that would have ended it.
        steps = np.full(size, -np.inf)
        last = min(int(boundary[wrong]) + 1, size)
        steps[wrong + 1 : last] = paths[wrong : last - 1]
        paths = np.logaddexp.accumulate(steps)
    return boundary


def _set_aside(left: float, wrong: int, accepted: int) -> float:
    """Share the risk that is left: nearly all for no error, then a part for each further one."""
    if wrong:
        return left * _SHARE
    return left if accepted <= _SMALL else left * (1 - _RESERVE)


def _compute_log_path(logs: Float64Array, answers: IntArray, null: int, wrong: int) -> Float64Array:
    """Compute the log chance of one order of `wrong` errors among the first n answers, for all n.

    It is -inf where n answers cannot hold so few errors, or so many.
    """
    count = len(logs) - 2
    right = answers - wrong
    possible = (right >= 0) & (right <= count - null)
    n, r = answers[possible], right[possible]
    chance = np.full(len(answers), -np.inf)
    chance[possible] = (
        (logs[null + 1] - logs[null - wrong + 1])
        + (logs[count - null + 1] - logs[count - null - r + 1])
        - (logs[count + 1] - logs[count - n + 1])
    )
    return chance


def _find_first(chance: Float64Array, budget: float, certain: int) -> tuple[int, float]:
    """Find the first number of answers whose chance fits the budget, and what it spends.

    From `certain` answers on so few errors are impossible, whatever the budget.
    """
    start = int(np.argmax(chance))
    if not np.isfinite(chance[start]):  # every path has ended earlier
        return certain, 0.0
    enough = chance[start:certain] <= (math.log(budget) if budget else -math.inf) + _ROUNDING
    fits = np.flatnonzero(enough)
    if not len(fits):
        return certain, 0.0
    first = start + int(fits[0])
    return first, math.exp(chance[first])
