import pytest
from labelled_pictures import Bay
from scipy import stats

from data_registry.errors import InputError
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.class_resolution import load_current_annotations
from labeling.audit.audit import (
    draw_audit,
    find_newest_teacher,
    load_audit_result,
    load_certified_precision,
    load_valid_sample,
)

TEACHER = "t" * 64


def accept(bay: Bay, names: list[str], teacher_id: str = TEACHER) -> None:
    bay.decide(teacher_id, dict.fromkeys(names, ("accepted", 0.99)))


def sample(bay: Bay, teacher_id: str = TEACHER) -> set[str]:
    return set(load_valid_sample(bay.registry, teacher_id)["sha256"])


def answered(bay: Bay) -> set[str]:
    """Name the images that people have answered."""
    return set(load_current_annotations(bay.registry)["sha256"])


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


def test_another_accepted_set_is_another_audit(bay: Bay) -> None:
    """A threshold moved past the wrong ones does not certify with the same order and risk."""
    names = bay.record_without_pixels(120)
    accept(bay, names)
    draw_audit(bay.registry, 60)
    before = load_valid_sample(bay.registry, TEACHER)["sha256"].tolist()
    answer(bay, before[5:])
    answer(bay, before[:5], "red")
    assert load_audit_result(bay.registry, TEACHER).certified is not None
    bay.decide(TEACHER, dict.fromkeys(before[:5], ("review", 0.9)))
    moved = load_audit_result(bay.registry, TEACHER)
    assert (moved.drawn, moved.answered, moved.certified) == (0, 0, None)
    assert load_valid_sample(bay.registry, TEACHER).empty
    draw_audit(bay.registry, 60)
    again = load_audit_result(bay.registry, TEACHER)
    assert (again.accepted, again.rounds, again.delta) == (115, 2, 0.025)
    assert again.all_hold == pytest.approx(0.925)
    # Known answers count as far as the new random order meets them, and no farther.
    assert again.counted < again.answered == 55
    assert not again.passed


def test_a_set_that_comes_back_goes_on_with_its_own_audit(bay: Bay) -> None:
    names = bay.record_without_pixels(60)
    accept(bay, names)
    draw_audit(bay.registry, 31)
    answer(bay, sample(bay))
    first = load_audit_result(bay.registry, TEACHER)
    bay.decide(TEACHER, {names[0]: ("review", 0.9)})
    draw_audit(bay.registry, 10)
    accept(bay, names)
    assert load_audit_result(bay.registry, TEACHER) == first


def test_an_audit_that_nobody_answered_takes_no_risk(bay: Bay) -> None:
    names = bay.record_without_pixels(60)
    accept(bay, names[:40])
    draw_audit(bay.registry, 20)
    accept(bay, names)
    draw_audit(bay.registry, 20)
    assert load_audit_result(bay.registry, TEACHER).rounds == 1
    # Its number is taken: back at the first set, an answer would else be counted twice.
    bay.decide(TEACHER, dict.fromkeys(names[40:], ("review", 0.5)))
    assert load_audit_result(bay.registry, TEACHER).drawn == 0


def test_another_target_is_another_audit(bay: Bay) -> None:
    accept(bay, bay.record_without_pixels(60))
    draw_audit(bay.registry, 10, 0.95)
    answer(bay, sample(bay))
    draw_audit(bay.registry, 10, 0.8)
    result = load_audit_result(bay.registry, TEACHER)
    assert (result.target, result.rounds, result.delta) == (0.8, 2, 0.025)


def test_a_reviewer_may_stop_before_the_sample_is_answered(bay: Bay) -> None:
    """47 of 200 without an error certify 0.95, though 59 were drawn."""
    accept(bay, bay.record_without_pixels(200))
    draw_audit(bay.registry, 59)
    drawn = load_valid_sample(bay.registry, TEACHER)["sha256"].tolist()
    nothing = load_audit_result(bay.registry, TEACHER)
    assert (nothing.accepted, nothing.drawn, nothing.answered) == (200, 59, 0)
    assert (nothing.complete, nothing.passed, nothing.certified) == (False, False, None)
    answer(bay, drawn[:46])
    almost = load_audit_result(bay.registry, TEACHER)
    assert (almost.counted, almost.needed, almost.certified) == (46, 47, None)
    answer(bay, drawn[46:47])
    enough = load_audit_result(bay.registry, TEACHER)
    assert (enough.passed, enough.complete, enough.failed) == (True, False, False)
    assert enough.certified == 0.95


def test_hard_images_left_out_end_the_count(bay: Bay) -> None:
    accept(bay, bay.record_without_pixels(200))
    draw_audit(bay.registry, 80)
    drawn = load_valid_sample(bay.registry, TEACHER)["sha256"].tolist()
    answer(bay, drawn[:20] + drawn[21:])
    result = load_audit_result(bay.registry, TEACHER)
    assert (result.answered, result.counted) == (79, 20)
    assert result.certified is None
    answer(bay, drawn[20:21], "red")
    assert not load_audit_result(bay.registry, TEACHER).passed


def test_after_an_error_more_answers_certify(bay: Bay) -> None:
    accept(bay, bay.record_without_pixels(200))
    draw_audit(bay.registry, 59)
    answer(bay, load_valid_sample(bay.registry, TEACHER)["sha256"].tolist()[1:])
    answer(bay, load_valid_sample(bay.registry, TEACHER)["sha256"].tolist()[:1], "")
    first = load_audit_result(bay.registry, TEACHER)
    assert (first.complete, first.passed, first.failed, first.needed) == (True, False, False, 112)
    assert draw_audit(bay.registry, 112) == 112
    answer(bay, load_valid_sample(bay.registry, TEACHER)["sha256"].tolist()[59:])
    second = load_audit_result(bay.registry, TEACHER)
    assert (second.passed, second.right, second.certified) == (True, 111, 0.95)


def test_an_answered_set_is_certified_exactly(bay: Bay) -> None:
    names = bay.record_without_pixels(30)
    accept(bay, names)
    draw_audit(bay.registry, 30)
    answer(bay, names[1:])
    answer(bay, names[:1], "red")
    result = load_audit_result(bay.registry, TEACHER)
    assert (result.certified, result.upper) == (29 / 30, 29 / 30)
    assert result.passed


def test_certified_and_failed_are_never_said_at_once(bay: Bay) -> None:
    names = bay.record_without_pixels(40)
    accept(bay, names)
    draw_audit(bay.registry, 40)
    for count in range(41):
        name = names[count - 1]
        if count:
            answer(bay, [name], "red" if count > 30 else "blue")
        result = load_audit_result(bay.registry, TEACHER)
        assert not (result.failed and result.certified)
    assert result.failed
    with pytest.raises(InputError, match=r"10 of the 40 accepted .* 0.95 allows 2.*0.750 would"):
        draw_audit(bay.registry, 40)


def test_wrong_answers_and_none_count_against_the_teacher(bay: Bay) -> None:
    names = bay.record_without_pixels(10)
    accept(bay, names)
    draw_audit(bay.registry, 10)
    answer(bay, names[:7])
    answer(bay, names[7:9], "red")
    answer(bay, names[9:], "")
    result = load_audit_result(bay.registry, TEACHER)
    assert (result.drawn, result.answered, result.right) == (10, 10, 7)
    assert (result.lower, result.upper, result.certified) == (0.7, 0.7, None)


def test_an_audit_certifies_the_accepted_images_and_no_others(bay: Bay) -> None:
    names = bay.record_without_pixels(220)
    accept(bay, names[:200])
    draw_audit(bay.registry, 47)
    answer(bay, sample(bay))
    assert load_certified_precision(bay.registry, names[:200]) == 0.95
    assert load_certified_precision(bay.registry, []) is None
    accept(bay, names)
    assert load_certified_precision(bay.registry, names[:200]) == 0.95
    assert load_certified_precision(bay.registry, names) is None
    # Of a part, all that is missing may have been right.
    rest = sorted(set(names[:200]) - answered(bay))[:100]
    assert load_certified_precision(bay.registry, rest) == pytest.approx(1 - 10 / 147)


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
