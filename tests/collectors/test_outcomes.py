import pytest

from collectors.outcomes import Outcome


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_explains_itself_in_one_line(outcome: Outcome) -> None:
    assert len(outcome.explanation) > 10
    assert "\n" not in outcome.explanation


def test_an_outcome_is_found_by_the_name_in_its_row() -> None:
    assert Outcome("too_small") is Outcome.TOO_SMALL
    assert str(Outcome.TOO_SMALL) == "too_small"


def test_only_passing_failures_are_tried_again() -> None:
    retryable = {str(outcome) for outcome in Outcome if outcome.retryable}
    assert retryable == {
        "server_error",
        "rate_limited",
        "timeout",
        "connection_failed",
        "stopped",
        "unreadable_file",
        "unexpected_error",
    }
