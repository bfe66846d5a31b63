"""`ephyra groups`: what a person should look at, and their word on copies."""

from pathlib import Path

import pytest
from small_project import ephyra, photo, told

from data_registry.images.hashing import compute_sha256
from flows.config.workspace import open_workspace
from flows.stages.stages import collect_stage, merge_stage


@pytest.fixture
def twins(imported: Path) -> tuple[Path, str, str]:
    """Collect an image and a smaller copy of it, in one group."""
    names = []
    for number, side in enumerate((80, 72)):
        data = photo("moon", 900, side)
        (imported / "found" / "moon jelly" / f"twin{number}.jpg").write_bytes(data)
        names.append(compute_sha256(data))
    with open_workspace(imported) as workspace:
        collect_stage(workspace)
        merge_stage(workspace)
    return imported, *names


def test_a_word_parts_two_images_and_why_tells_it(twins: tuple[Path, str, str]) -> None:
    folder, one, other = twins
    assert told(folder, "why", one)["group"] == [other]
    assert "0 groups for a person" in ephyra("groups", "--project", folder).out
    said = ephyra("groups", "--not-same", one[:10], other[:10], "--person", "ada", "-p", folder)
    assert said.code == 0
    assert "not the same" in said.out
    life = told(folder, "why", one)
    assert life["group"] == []
    (word,) = [event for event in life["events"] if event["what"] == "compared"]
    assert (word["facts"]["person"], word["facts"]["other"]) == ("ada", other)
    again = told(folder, "groups", "--not-same", other[:10], one[:10], "--person", "ada")
    assert (again["is_new"], again["still_together"]) == (False, False)
    told(folder, "groups", "--same", one[:10], other[:10])
    assert told(folder, "why", one)["group"] == [other]
    assert told(folder, "verify")["holds"]


def test_a_word_that_cannot_part_two_images_is_kept_and_answered_with_no(
    twins: tuple[Path, str, str],
) -> None:
    folder, one, other = twins
    third = compute_sha256(photo("moon", 100))
    for name in (one, other):
        told(folder, "groups", "--same", name, third)
    said = ephyra("groups", "--not-same", one, other, "--project", folder)
    assert said.code == 1
    words = " ".join(said.out.split())
    assert "they stay in one group" in words
    assert "with a cannot-link" in words
    assert "person 0" in words
    (group,) = told(folder, "status")["reported_groups"]
    assert {group["contradictions"][0]["first"], group["contradictions"][0]["second"]} == {
        one,
        other,
    }
    assert "1 (`ephyra groups`)" in " ".join(ephyra("status", "--project", folder).out.split())


def test_a_group_past_the_bound_is_told_by_the_stage(twins: tuple[Path, str, str]) -> None:
    folder, *_ = twins
    file = folder / "ephyra.toml"
    file.write_text(file.read_text().replace("[groups]", "[groups]\nlargest = 1"))
    (group,) = told(folder, "groups")["reported"]
    assert group["size"] == 2
    assert [link["method"] for link in group["chain"]] == ["hash"]
    said = ephyra("import", folder / "labelled", "--project", folder)
    assert "1 group is for a person to check" in said.out
    assert "2 images, more than 1" in said.out


def test_bad_words_are_refused(twins: tuple[Path, str, str]) -> None:
    folder, one, other = twins
    for given, message in (
        (("--same", one, one[:12]), "both name the image"),
        (("--same", one, "0123456789"), "no image begins with 0123456789"),
        (("--same", one, other, "--not-same", one, other), "not both"),
    ):
        said = ephyra("groups", *given, "--project", folder, "--json")
        assert (said.code, said.json["error"]) == (2, "InputError")
        assert message in said.json["message"]
    assert told(folder, "groups")["reported"] == []
