from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from labelled_pictures import Bay, jpeg

from data_registry.errors import AnswerFileError
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.class_resolution import load_current_annotations
from labeling.audit.audit import draw_audit
from labeling.review.answer_file import read_answers
from labeling.review.queue import AnswerSummary, load_waiting_images, take_answers

CLASSES = ("blue", "Red Sea")
TEACHER = "t" * 64


@pytest.fixture
def names(bay: Bay) -> list[str]:
    """Six images: three for review, two accepted, one rejected."""
    names = bay.record_without_pixels(6)
    verdicts = [
        ("review", 0.8),
        ("review", 0.4),
        ("review", 0.6),
        ("accepted", 0.99),
        ("accepted", 0.97),
        ("rejected", 0.5),
    ]
    bay.decide(TEACHER, dict(zip(names, verdicts, strict=True)))
    return names


def csv_file(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    file = folder / "answers.csv"
    file.write_bytes("\n".join(lines).encode(encoding))
    return file


def said(bay: Bay) -> dict[str, tuple[str, str, str]]:
    rows = load_current_annotations(bay.registry)
    columns = ["class_name", "person", "purpose"]
    return dict(zip(rows["sha256"], rows[columns].itertuples(index=False, name=None), strict=True))


def test_the_least_sure_wait_first_and_say_why(bay: Bay, names: list[str]) -> None:
    queue = load_waiting_images(bay.registry)
    assert list(queue["sha256"]) == [names[1], names[2], names[0]]
    assert list(queue["confidence"]) == [0.4, 0.6, 0.8]
    assert list(queue.columns) == [
        "sha256",
        "queue",
        "class_name",
        "confidence",
        "detail",
        "url",
        "answer",
    ]
    assert set(queue["queue"]) == {"review"}
    assert set(queue["detail"]) == {"words"}
    assert set(queue["answer"]) == {""}
    assert list(queue["url"]) == [f"http://127.0.0.1//{name[:12]}" for name in queue["sha256"]]


def test_the_audit_comes_first_and_is_blind(bay: Bay, names: list[str]) -> None:
    draw_audit(bay.registry, 2)
    queue = load_waiting_images(bay.registry)
    audited = queue.head(2)
    assert list(queue["queue"]) == ["audit", "audit", "review", "review", "review"]
    assert set(audited["sha256"]) == set(names[3:5])
    assert set(audited["class_name"]) == set(audited["detail"]) == {""}
    assert list(audited["confidence"]) == [None, None]


def test_an_image_with_two_labels_waits_before_what_the_teacher_asks(
    bay: Bay, names: list[str], tmp_path: Path
) -> None:
    draw_audit(bay.registry, 2)
    twofold = bay.label_twice(tmp_path / "twice", jpeg("red", 1))
    queue = load_waiting_images(bay.registry)
    assert list(queue["queue"]) == ["audit", "audit", "review", "review", "review", "review"]
    asked = queue.iloc[2]
    assert (asked["sha256"], asked["class_name"], asked["confidence"]) == (twofold, "", None)
    assert asked["detail"] == "imported under 2 classes: blue, red"
    assert asked["url"] == "import:blue/same.jpg"
    record_annotations(bay.registry, [Annotation(sha256=twofold, class_name="red", person="ann")])
    assert twofold not in set(load_waiting_images(bay.registry)["sha256"])


def test_an_image_waits_once_though_policy_and_labels_ask(
    bay: Bay, names: list[str], tmp_path: Path
) -> None:
    data = jpeg("red", 1)
    (collected,) = bay.collect([data])
    bay.decide(TEACHER, {collected: ("review", 0.5)})
    assert bay.label_twice(tmp_path / "twice", data) == collected
    queue = load_waiting_images(bay.registry).set_index("sha256")
    assert queue.index.is_unique
    assert queue.loc[collected, "detail"] == "imported under 2 classes: blue, red"


def test_answered_images_wait_no_more(bay: Bay, names: list[str]) -> None:
    draw_audit(bay.registry, 2)
    answers = [
        Annotation(sha256=names[1], class_name="blue", person="ann"),
        Annotation(sha256=names[3], class_name="", person="ann", purpose="audit"),
    ]
    record_annotations(bay.registry, answers)
    assert list(load_waiting_images(bay.registry)["sha256"]) == [names[4], names[2], names[0]]


def test_an_older_teachers_audit_waits_no_more(bay: Bay, names: list[str]) -> None:
    draw_audit(bay.registry, 2)
    bay.decide("u" * 64, dict.fromkeys(names, ("review", 0.5)))
    queue = load_waiting_images(bay.registry)
    assert list(queue["sha256"]) == names
    assert set(queue["queue"]) == {"review"}


def test_nothing_waits_in_an_empty_registry(bay: Bay) -> None:
    assert load_waiting_images(bay.registry).empty


def test_answers_are_taken(bay: Bay, names: list[str], tmp_path: Path) -> None:
    draw_audit(bay.registry, 2)
    file = csv_file(
        tmp_path,
        "sha256,queue,answer,note",
        f"{names[0]},review,blue,",
        f"{names[1][:10].upper()},review, RED sea ,far away",
        f"{names[2]},review,None,",
        f"{names[3]},audit,blue,",
        f"{names[4]},audit,  ,later",
        "",
    )
    assert take_answers(bay.registry, file, CLASSES, "ann") == AnswerSummary(4, 4, 1)
    assert said(bay) == {
        names[0]: ("blue", "ann", "review"),
        names[1]: ("Red Sea", "ann", "review"),
        names[2]: ("", "ann", "review"),
        names[3]: ("blue", "ann", "audit"),
    }
    notes = load_current_annotations(bay.registry).set_index("sha256")["note"]
    assert notes[names[1]] == "far away"


def test_answers_given_twice_say_nothing_new(bay: Bay, names: list[str], tmp_path: Path) -> None:
    row = f"{names[0]},blue"
    file = csv_file(tmp_path, "sha256,answer", row, f"{names[0][:8]},BLUE", f"{names[1]},none")
    assert take_answers(bay.registry, file, CLASSES, "ann") == AnswerSummary(2, 2, 0)
    assert take_answers(bay.registry, file, CLASSES, "ann") == AnswerSummary(2, 0, 0)
    # A change of mind, and a second person, are something new.
    changed = csv_file(tmp_path, "sha256,answer", f"{names[0]},none")
    assert take_answers(bay.registry, changed, CLASSES, "ann").new == 1
    assert take_answers(bay.registry, changed, CLASSES, "bo").new == 1


def test_the_written_list_can_be_filled_in(bay: Bay, names: list[str], tmp_path: Path) -> None:
    file = tmp_path / "sheet.csv"
    draw_audit(bay.registry, 1)
    load_waiting_images(bay.registry).to_csv(file, index=False)
    assert take_answers(bay.registry, file, CLASSES, "ann") == AnswerSummary(0, 0, 4)
    pd.read_csv(file).assign(answer="blue").to_csv(file, index=False, encoding="utf-8-sig")
    assert take_answers(bay.registry, file, CLASSES, "ann") == AnswerSummary(4, 4, 0)
    assert load_waiting_images(bay.registry).empty


def refused(bay: Bay, file: Path, message: str) -> None:
    with pytest.raises(AnswerFileError, match=message) as caught:
        take_answers(bay.registry, file, CLASSES, "ann")
    assert "nothing was recorded" in str(caught.value)
    assert said(bay) == {}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{1},purple", r"answers\.csv line 3: 'purple' is no class\. Expected Red Sea, blue or"),
        ("0123456789abcdef,blue", r"line 3: no stored image with SHA-256 '0123456789abcdef'"),
        (",blue", r"line 3: no stored image with SHA-256 ''"),
        ("{0},none", r"line 3: \w{12} is 'none', but line 2 says 'blue'"),
        ("{0}0,blue", "line 3: no stored image"),
    ],
)
def test_a_line_that_does_not_fit_refuses_the_file(
    bay: Bay, names: list[str], tmp_path: Path, line: str, message: str
) -> None:
    file = csv_file(tmp_path, "sha256,answer", f"{names[0]},blue", line.format(*names))
    refused(bay, file, message)


def test_an_ambiguous_beginning_is_refused(bay: Bay, tmp_path: Path) -> None:
    names = bay.record_without_pixels(40)
    first = next(name[0] for name, then in pairwise(names) if name[0] == then[0])
    count = sum(name.startswith(first) for name in names)
    file = csv_file(tmp_path, "sha256,answer", f"{first},blue")
    refused(bay, file, f"line 2: {count} images with SHA-256 '{first}'; .* exactly one")


def test_a_line_number_counts_lines_and_not_rows(
    bay: Bay, names: list[str], tmp_path: Path
) -> None:
    note = '"a note\nof two lines"'
    file = csv_file(tmp_path, "sha256,answer,note", f"{names[0]},blue,{note}", f"{names[1]},x,")
    refused(bay, file, "line 4: 'x' is no class")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("sha256,class", "{0},blue"), "line 1 has no column answer; found sha256, class"),
        (("sha256;class", "{0};blue"), "no column answer and sha256; found sha256;class"),
        ((), "no column answer and sha256; found nothing"),
        (("sha256,answer", "{0}," + "x" * 140_000), "cannot read the answers .*field limit"),
    ],
)
def test_a_file_that_is_no_table_of_answers_is_refused(
    bay: Bay, names: list[str], tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    file = csv_file(tmp_path, *(line.format(*names) for line in lines))
    refused(bay, file, message)


def test_another_encoding_is_refused(bay: Bay, names: list[str], tmp_path: Path) -> None:
    lines = ("sha256,answer,note", f"{names[0]},blue,schön")
    refused(bay, csv_file(tmp_path, *lines, encoding="latin-1"), r"answers\.csv is not UTF-8")
    refused(bay, csv_file(tmp_path, *lines, encoding="utf-16"), "is not UTF-8")


def test_a_missing_file_is_refused(bay: Bay, tmp_path: Path) -> None:
    refused(bay, tmp_path / "nowhere.csv", "cannot read the answers .*nowhere")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("sha256,answer,note", '{0},blue,"5 inches', "{1},none,", "{2},blue,"), "unexpected end"),
        (("sha256,answer", "{0};blue", "{1};blue"), "line 2.*no stored image"),
        (("sha256,answer,answer", "{0},blue,none"), "several columns answer"),
        (("sha256,sha256,answer", "{0},{1},blue"), "several columns sha256"),
        (("sha256,answer", "{0},blue,none"), "line 2 has more cells than the header's 2"),
        (("sha256,answer,note", "{0},blue,odd, maybe red"), "double quotes"),
    ],
)
def test_no_answer_is_lost_in_silence(
    bay: Bay, names: list[str], tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    refused(bay, csv_file(tmp_path, *(line.format(*names) for line in lines)), message)


def test_two_notes_about_one_image_are_both_kept(
    bay: Bay, names: list[str], tmp_path: Path
) -> None:
    lines = ("sha256,answer,note", f"{names[0]},blue,torn", f"{names[0]},blue,dark", ",,")
    found = read_answers(csv_file(tmp_path, *lines), names, CLASSES)
    assert [answer.note for answer in found.answers] == ["torn; dark"]
    assert found.blank == 0
