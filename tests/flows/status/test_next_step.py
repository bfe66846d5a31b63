"""Every command ends with the next step, which one place decides from what the registry holds."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from small_project import (
    TINTS,
    ephyra,
    told,
    write_found,
    write_labelled_set,
    write_photos,
    write_project,
)

from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.decisions import Decision, record_decisions, record_teacher
from data_registry.labels.review_queue import record_questions
from flows.config.workspace import Workspace, open_workspace
from flows.stages.stages import collect_stage, import_stage, merge_stage
from flows.status.next_step import count_waiting_by_reason, suggest_next_step
from flows.status.overview import summarise_workspace
from labeling.review.queue import load_waiting_images

TEACHER = "t" * 64


def decide(workspace: Workspace, verdicts: Iterable[tuple[str, str]]) -> None:
    record_teacher(workspace.registry, TEACHER, {})
    record_decisions(
        workspace.registry,
        [
            Decision(
                sha256=name,
                teacher_id=TEACHER,
                policy="threshold",
                verdict=verdict,
                class_name="moon",
                confidence=0.9,
                reason="words",
                detail="words",
            )
            for name, verdict in verdicts
        ],
    )


def test_the_next_step_follows_from_what_is_there(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "bay")
    write_labelled_set(folder / "labelled")
    write_found(folder / "found")
    with open_workspace(folder) as workspace:
        registry = workspace.registry
        assert suggest_next_step(workspace) == "no labelled images yet: `ephyra import DIR`"
        import_stage(workspace, folder / "labelled")
        assert suggest_next_step(workspace) == "ask 1 provider for 2 queries: `ephyra collect`"
        collect_stage(workspace)
        assert suggest_next_step(workspace) == "8 images wait for the teacher: `ephyra label`"
        pool = sorted(registry.find_present_images() - registry.find_labelled_images())
        decide(workspace, zip(pool, ["accepted"] * 5 + ["review"] * 3, strict=True))
        assert suggest_next_step(workspace).startswith(
            "3 images wait for a person: `ephyra up`, or `ephyra review --sheet answers.csv`; or "
            "go on without: `ephyra merge`"
        )
        for name in pool[5:]:
            record_annotations(
                registry,
                [Annotation(sha256=name, class_name="moon", person="ann", purpose="review")],
            )
        assert "what is known differs from the newest version: `ephyra merge`" in suggest_next_step(
            workspace
        )
        merge_stage(workspace)
        assert suggest_next_step(workspace) == "v2 was not trained yet with cnn: `ephyra train`"


def test_one_image_waits_and_two_wait(imported: Path) -> None:
    with open_workspace(imported) as workspace:
        collect_stage(workspace)
        pool = sorted(
            workspace.registry.find_present_images() - workspace.registry.find_labelled_images()
        )
        decide(workspace, [(name, "accepted") for name in pool[:-1]])
        assert suggest_next_step(workspace).startswith("1 image waits for the teacher")
        decide(workspace, [(pool[-1], "review")])
        assert suggest_next_step(workspace).startswith("1 image waits for a person")


def test_what_waits_adds_up(imported: Path) -> None:
    """Three kinds of questions: those of the policy, those worth an answer, and the audit's."""
    with open_workspace(imported) as workspace:
        registry = workspace.registry
        collect_stage(workspace)
        pool = sorted(registry.find_present_images() - registry.find_labelled_images())
        decide(workspace, zip(pool, ["accepted"] * 5 + ["review"] * 3, strict=True))
        record_questions(registry, pool[3:5])
        counts = count_waiting_by_reason(registry)
        assert counts == {"for review": 3, "decided, but worth asking about": 2}
        assert (
            sum(counts.values())
            == len(load_waiting_images(registry))
            == summarise_workspace(workspace).waiting
        )
    shown = " ".join(ephyra("status", "--project", imported).out.split())
    assert "5: 3 for review, 2 decided, but worth asking about" in shown


def test_a_command_ends_with_it(imported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for command in ("status", "versions", "verify", "merge", "review", "groups", "check"):
        said = ephyra(command, "--project", imported)
        last = said.out.splitlines()[-1]
        assert last == "next: ask 1 provider for 2 queries: `ephyra collect`", command
        assert "next:" not in ephyra(command, "--project", imported, "--json").out
    assert ephyra("init", imported / "new").out.splitlines()[-1].startswith("next: name classes")


def test_an_import_says_where_each_file_went(imported: Path) -> None:
    folder = imported / "labelled"
    (folder / "moon" / "same.jpg").write_bytes((folder / "moon" / "0.jpg").read_bytes())
    (folder / "moon" / "bad.jpg").write_bytes(b"no image")
    said = ephyra("import", folder, "--project", imported)
    assert "read 26 files; 1 file has the same bytes as another; 1 file left out; " in said.out
    assert "imported 24 images of 2 classes, 0 new, 24 known before" in said.out
    assert "what can be measured: " in said.out
    assert told(imported, "import", folder)["images"]["files"] == 26


def test_without_training_images_no_training_is_advised(tmp_path: Path) -> None:
    text = '[project]\nname = "x"\n[[train.models]]\nname = "cnn"\n'
    for name, set_of, found in (
        ("test-alone", "labelled/test", "none"),
        ("one-class", "labelled", "only moon"),
    ):
        folder = write_project(tmp_path / name, text)
        write_photos(folder / set_of / "moon", "moon", range(8))
        if found == "none":
            write_photos(folder / set_of / "rose", "rose", range(8))
        said = ephyra("import", folder / "labelled", "--project", folder)
        assert f"training images of at least 2 classes, and v1 has {found}: `ephyra import" in (
            " ".join(said.out.split())
        )
        assert "`ephyra train`" not in said.out


def test_the_project_tells_classes_from_what_sorts_their_photos(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "bay")
    for name in TINTS:
        for number, age in enumerate(("adult", "juvenile")):
            photos = range(4 * number, 4 * number + 4)
            write_photos(folder / "labelled" / name / age, name, photos)
    assert ephyra("audit", folder / "labelled").code == 2
    page = tmp_path / "audit.html"
    assert ephyra("audit", folder / "labelled", "--nested", "--page", page).code == 0
    assert ephyra("import", folder / "labelled", "--project", folder).code == 0


def test_without_queries_no_search_is_advised(tmp_path: Path) -> None:
    provider = '[project]\nname = "x"\n[[collect.providers]]\nkind = "{}"\n'
    searching = write_project(tmp_path / "searching", provider.format("openverse"))
    folder = write_project(tmp_path / "bay", provider.format("folder") + 'path = "found"\n')
    write_found(folder / "found")
    labelled = write_labelled_set(tmp_path / "labelled", per_class=4)
    for project, step in (
        (searching, "1 problem in ephyra.toml: `ephyra check`"),
        (folder, "ask 1 provider: `ephyra collect`"),
    ):
        with open_workspace(project) as workspace:
            import_stage(workspace, labelled)
            assert suggest_next_step(workspace) == step
