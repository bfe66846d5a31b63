"""Where there are no duplicates, the audit does not explain a difference by them."""

from flows.folder_audit.accuracy import Accuracy, Measured
from flows.folder_audit.audit_view import _format_accuracies as format_accuracies
from train.evaluation.intervals import Interval


def test_without_duplicates_two_cross_validations_differ_by_their_deal() -> None:
    same = Accuracy(Interval(0.9, 0.8, 0.95), 60, 60)
    measured = Measured(
        random=same, grouped=same, given=None, given_without_leaks=None, doubtful=()
    )
    words = format_accuracies(measured, has_duplicates=False)[1:]
    assert any("differ by their deal alone" in str(line) for line in words)
    words = format_accuracies(measured, has_duplicates=True)[1:]
    assert not any("deal" in str(line) for line in words)
