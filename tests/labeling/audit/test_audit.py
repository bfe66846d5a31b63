import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from labelled_pictures import Bay
from scipy import stats

from data_registry.errors import InputError
from data_registry.labels.annotations import Annotation, load_audit_sample, record_annotations
from labeling.audit.audit import (
    AuditResult,
    draw_audit,
    find_newest_teacher,
    load_audit_result,
    load_valid_sample,
)

TEACHER = "t" * 64


def accept(bay: Bay, names: list[str], teacher_id: str = TEACHER) -> None:
    bay.decide(teacher_id, dict.fromkeys(names, ("accepted", 0.99)))


def sample(bay: Bay, teacher_id: str = TEACHER) -> set[str]:
    return set(load_valid_sample(bay.registry, teacher_id)["sha256"])


def answer(bay: Bay, names: set[str] | list[str], class_name: str = "blue") -> None:
    said = [
        Annotation(sha256=name, class_name=class_name, person="ann", purpose="audit")
        for name in sorted(names)
    ]
    record_annotations(bay.registry, said)


def test_every_accepted_image_is_drawn_equally_often(bay: Bay) -> None:
    """The teacher's id is the seed: 30 teachers draw 8 of the same 20 images each."""
    names = bay.record_without_pixels(20)
    drawn = dict.fromkeys(names, 0)
    draws, size = 30, 8
    for number in range(draws):
        teacher_id = f"{number:064d}"
        accept(bay, names, teacher_id)
        assert draw_audit(bay.registry, size) == size
        for name in sample(bay, teacher_id):
            drawn[name] += 1
    # Without replacement counts vary less than chi-squared assumes: corrected by (n - k) / (n - 1).
    share = size / len(names)
    spread = draws * share * (1 - share) * len(names) / (len(names) - 1)
    statistic = sum((count - draws * share) ** 2 for count in drawn.values()) / spread
    assert stats.chi2.ppf(0.001, 19) < statistic < stats.chi2.ppf(0.999, 19)


def test_drawn_again_it_is_the_same_and_drawn_larger_it_holds_the_smaller(bay: Bay) -> None:
    accept(bay, bay.record_without_pixels(40))
    samples = []
    for size in (5, 5, 12, 40):
        assert draw_audit(bay.registry, size) == size
        samples.append(sample(bay))
    assert [len(drawn) for drawn in samples] == [5, 5, 12, 40]
    assert samples[0] == samples[1] < samples[2] < samples[3]
    assert draw_audit(bay.registry, 5) == 40  # what was drawn stays drawn


def test_no_more_are_drawn_than_were_accepted(bay: Bay) -> None:
    names = bay.record_without_pixels(10)
    bay.decide(TEACHER, dict.fromkeys(names[:7], ("review", 0.5)))
    accept(bay, names[7:])
    assert draw_audit(bay.registry, 59) == 3
    assert sample(bay) == set(names[7:])


def test_a_stricter_threshold_keeps_the_part_that_is_still_accepted(bay: Bay) -> None:
    names = bay.record_without_pixels(40)
    accept(bay, names)
    draw_audit(bay.registry, 20)
    before = sample(bay)
    bay.decide(TEACHER, dict.fromkeys(names[::2], ("review", 0.9)))
    assert sample(bay) >= before - set(names[::2])
    assert not sample(bay) & set(names[::2])


def test_after_a_looser_threshold_only_a_fair_part_of_the_old_sample_counts(bay: Bay) -> None:
    """Else the sure ones, drawn first, would be too many in the sample."""
    names = bay.record_without_pixels(60)
    sure = names[:15]
    bay.decide(TEACHER, dict.fromkeys(names[15:], ("review", 0.8)))
    accept(bay, sure)
    draw_audit(bay.registry, 15)
    answer(bay, sure)
    assert load_audit_result(bay.registry, TEACHER).complete
    accept(bay, names[15:])
    assert load_audit_result(bay.registry, TEACHER).drawn < 15
    draw_audit(bay.registry, 20)
    result = load_audit_result(bay.registry, TEACHER)
    assert 20 <= result.drawn < 60
    assert not result.complete
    # The same images as if the loose threshold had been there from the start.
    everything = load_audit_sample(bay.registry, TEACHER)
    assert len(everything) > result.drawn
    draw_audit(bay.registry, result.drawn)
    assert load_audit_result(bay.registry, TEACHER).drawn == result.drawn


def test_an_incomplete_audit_certifies_nothing(bay: Bay) -> None:
    accept(bay, bay.record_without_pixels(100))
    draw_audit(bay.registry, 59)
    drawn = sorted(sample(bay))
    nothing = load_audit_result(bay.registry, TEACHER)
    assert nothing == AuditResult(59, 0, 0, 0.0, 1.0)
    assert (nothing.complete, nothing.certified) == (False, None)
    answer(bay, drawn[:58])
    almost = load_audit_result(bay.registry, TEACHER)
    assert (almost.drawn, almost.answered, almost.right) == (59, 58, 58)
    assert (almost.complete, almost.certified) == (False, None)
    answer(bay, drawn[58:])
    whole = load_audit_result(bay.registry, TEACHER)
    assert whole.complete
    assert whole.certified == pytest.approx(0.05 ** (1 / 59))
    assert whole.certified >= 0.95


def test_wrong_answers_and_none_count_against_the_teacher(bay: Bay) -> None:
    names = bay.record_without_pixels(10)
    accept(bay, names)
    draw_audit(bay.registry, 10)
    answer(bay, names[:7])
    answer(bay, names[7:9], "red")
    answer(bay, names[9:], "")
    result = load_audit_result(bay.registry, TEACHER)
    assert (result.drawn, result.answered, result.right) == (10, 10, 7)
    exact = stats.binomtest(7, 10).proportion_ci(0.95, "exact")
    assert (result.lower, result.upper) == pytest.approx((exact.low, exact.high))
    one_sided = stats.binomtest(7, 10, alternative="greater").proportion_ci(0.95, "exact")
    assert result.certified == pytest.approx(one_sided.low)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@example((0, 5))
@example((58, 58))
def test_what_is_certified_is_scipys_one_sided_bound(counts: tuple[int, int]) -> None:
    right, drawn = counts
    certified = AuditResult(drawn, drawn, right, 0.0, 1.0).certified
    exact = stats.binomtest(right, drawn, alternative="greater").proportion_ci(0.95, "exact")
    assert certified == pytest.approx(exact.low, abs=1e-9)
    assert (certified >= 0.95) == (exact.low >= 0.95)


def test_certified_is_wrong_no_more_often_than_it_may() -> None:
    right = np.random.default_rng(0).binomial(59, 0.94, 4000)
    broken = np.mean([(AuditResult(59, 59, int(n), 0, 1).certified or 0) > 0.94 for n in right])
    assert broken <= stats.binom.ppf(0.999, 4000, 0.05) / 4000


def test_the_audit_is_of_the_teacher_that_decided_last(bay: Bay) -> None:
    names = bay.record_without_pixels(8)
    assert find_newest_teacher(bay.registry) is None
    accept(bay, names, "a" * 64)
    accept(bay, names[:4], "b" * 64)
    assert find_newest_teacher(bay.registry) == "b" * 64
    assert draw_audit(bay.registry, 59) == 4
    assert sample(bay, "b" * 64) == set(names[:4])
    assert load_audit_result(bay.registry, "a" * 64).drawn == 0


def test_there_must_be_something_to_audit(bay: Bay) -> None:
    with pytest.raises(InputError, match="nothing is accepted yet: run `ephyra label`"):
        draw_audit(bay.registry, 59)
    names = bay.record_without_pixels(4)
    accept(bay, names[:2], "a" * 64)
    bay.decide("b" * 64, dict.fromkeys(names[2:], ("review", 0.5)))
    with pytest.raises(InputError, match="the newest teacher accepted nothing"):
        draw_audit(bay.registry, 59)
    with pytest.raises(InputError, match="an audit of 0 images: expected at least 1"):
        draw_audit(bay.registry, 0)
