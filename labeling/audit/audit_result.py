"""What an audit says so far."""

from dataclasses import dataclass

from labeling.audit.sequential_test import compute_total_delta
from labeling.audit.target import DELTA, TARGET


@dataclass(frozen=True, kw_only=True)
class AuditResult:
    """What an audit says so far.

    Attributes:
        accepted: images that it certifies.
        drawn: of them, those a person is asked about.
        answered, right: of the accepted.
        counted: answers in the order of the sample, up to the first that is missing.
        most_wrong: images that are wrong at most; with a chance of at most `delta` it is too low at
            any look.
        lower: precision that the accepted images have at least, by `most_wrong`.
        upper: precision that they have at most, which is certain.
        target: precision to certify.
        delta: chance of a false certificate.
        tolerable: wrong images that the target allows.
        needed: answers in all that certify the target if no further one is wrong; None where it
            has failed.
        rounds: the audits of this project up to this one, those without an answer left out.
    """

    accepted: int
    drawn: int
    answered: int
    counted: int
    right: int
    most_wrong: int
    lower: float
    upper: float
    target: float = TARGET
    delta: float = DELTA
    tolerable: int = 0
    needed: int | None = None
    rounds: int = 1

    @property
    def all_hold(self) -> float:
        """Least confidence that every certificate of the project is true: their risks add up."""
        return 1 - compute_total_delta(self.rounds)

    @property
    def complete(self) -> bool:
        """Whether every drawn image was answered."""
        return 0 < self.drawn <= self.counted

    @property
    def passed(self) -> bool:
        """Whether the target is certified."""
        return self.counted > 0 and self.most_wrong <= self.tolerable

    @property
    def failed(self) -> bool:
        """Whether more images are wrong than the target allows, which is certain."""
        return self.answered - self.right > self.tolerable

    @property
    def certified(self) -> float | None:
        """The certified precision, once the target is reached or the sample is answered.

        None before, and where the audit has failed.
        """
        return self.lower if self.passed or (self.complete and not self.failed) else None

    @property
    def way_out(self) -> str:
        """What to do after a failure, with what would pass."""
        return (
            f"A target of {self.lower:.3f} would pass; to reach {self.target:g}, run `ephyra "
            "merge`, then `ephyra label`: the answers teach, and what is accepted then gets an "
            "audit of its own"
        )


NO_AUDIT = AuditResult(
    accepted=0,
    drawn=0,
    answered=0,
    counted=0,
    right=0,
    most_wrong=0,
    lower=0.0,
    upper=1.0,
    needed=None,
)
