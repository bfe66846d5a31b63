"""One image's life, and who is meant by a name."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from decided import decide, group_and_split
from drawn import collect_bytes, jpeg, labelled_set

from data_registry.errors import InputError
from data_registry.history.image_history import ImageHistory, load_image_history
from data_registry.history.image_lookup import find_image
from data_registry.images.records import CollectedImage, FetchAttempt, Source
from data_registry.ingest.importing import import_folder
from data_registry.labels.annotations import Annotation, record_annotations, record_audit
from data_registry.labels.decisions import (
    Prediction,
    record_predictions,
    record_teacher,
)
from data_registry.registry import Registry
from data_registry.runs.run_records import RunRow, record_runs
from data_registry.storage import schema
from data_registry.storage.database import now
from data_registry.versions.publishing import publish


def life(registry: Registry, given: str) -> ImageHistory:
    return load_image_history(registry, find_image(registry, given))


def told(found: ImageHistory, what: str) -> list[str]:
    return [event.detail for event in found.events if event.what == what]


@pytest.fixture
def lived(registry: Registry, tmp_path: Path) -> Registry:
    """Build a labelled set in v1, and in v2 a collected image, which a copy is left out for."""
    import_folder(registry, labelled_set(tmp_path / "set"))
    group_and_split(registry)
    publish(registry, {})
    new, copy = collect_bytes(registry, [jpeg(500), jpeg(500, quality=60)], "moon")
    record_teacher(registry, "teacher", {})
    record_predictions(registry, "teacher", [Prediction(new, {"a": 0.99, "b": 0.01}, 0.2)])
    decide(registry, new, copy, detail="a")
    record_audit(registry, "teacher", [(new, "a")])
    record_annotations(
        registry,
        [Annotation(sha256=new, class_name="b", person="ada", purpose="audit", note="clearly")],
    )
    group_and_split(registry)
    version = publish(registry, {})
    arms = [
        RunRow(
            run_id=f"run-{arm}",
            version_hash=version.version_hash,
            model="cnn",
            arm=arm,
            seed=0,
            metrics={},
        )
        for arm in ARMS
    ]
    record_runs(registry, arms)
    return registry


ARMS = ("with", "without")


def of(registry: Registry, data: bytes) -> str:
    return next(name for name in registry.find_known_images() if registry.read_image(name) == data)


def test_a_collected_image_from_its_address_to_the_run(lived: Registry) -> None:
    new, copy = of(lived, jpeg(500)), of(lived, jpeg(500, quality=60))
    found = life(lived, new)
    assert [event.at for event in found.events] == sorted(event.at for event in found.events)
    assert found.state == "in v2, train, as b (annotation)"
    assert "by web for 'moon' at http://127.0.0.1/moon0-" in told(found, "seen")[0]
    assert "licence not stated" in told(found, "seen")[0]
    assert "stored" in told(found, "tried")[0]
    assert told(found, "predicted") == ["a at 0.990, 0.200 from the labelled (teacher teacher)"]
    assert told(found, "decided") == ["accepted: sure, a (teacher teacher, p)"]
    assert told(found, "drawn") == ["for the audit of teacher teacher, accepted as a"]
    assert told(found, "answered") == ["b, by ada (audit): clearly"]
    assert told(found, "assigned") == ["to train, for ever"]
    assert told(found, "version") == ["in v2: b (annotation), train"]
    # The arm without collected images has not learnt from this one.
    assert told(found, "run") == ["run-with learnt from it: cnn, arm with, seed 0"]
    (link,) = [event for event in found.events if event.what == "linked"]
    assert (link.facts["method"], link.facts["other"]) == ("hash", copy)
    assert found.group == (copy,)
    assert (found.facts["format"], len(found.facts["phash"])) == ("jpeg", 16)
    assert found.facts["bytes_are_there"]


def test_a_copy_says_why_it_is_left_out(lived: Registry) -> None:
    found = life(lived, of(lived, jpeg(500, quality=60)))
    assert found.state == "left out of v2: copy of a better image in train"
    assert told(found, "run") == []


def test_a_labelled_image_is_in_every_version_and_both_arms(lived: Registry) -> None:
    found = life(lived, "a/0.jpg")
    assert told(found, "labelled") == ["a, imported from a/0.jpg"]
    split = found.events[-1].facts["did"]
    assert len(told(found, "version")) == 2
    assert len(told(found, "run")) == 2
    assert split in {"learnt from it", "measured (val)", "measured (test)"}


def test_an_address_of_which_nothing_was_kept(lived: Registry) -> None:
    url = "http://127.0.0.1/gone"
    tries = [
        FetchAttempt(
            source=Source(provider="web", url=url, query="moon"), outcome="timeout", retryable=True
        )
    ]
    tries.append(
        FetchAttempt(
            source=Source(provider="web", url=url, query="moon"), outcome="not_found", status=404
        )
    )
    lived.record_collected([CollectedImage(item) for item in tries])
    found = life(lived, url)
    assert (found.sha256, found.facts) == ("", {})
    assert found.state == f"nothing was kept; {url}: not_found, status 404"
    assert told(found, "tried")[0] == f"{url}: timeout, to be tried again"
    assert len(found.events) == 2


def test_an_image_nobody_has_judged_and_one_that_was_taken_down(lived: Registry) -> None:
    (sha256,) = collect_bytes(lived, [jpeg(600)])
    assert "nobody has said yet" in life(lived, sha256).state
    with lived.database.transaction() as connection:
        row = {"sha256": sha256, "reason": "the owner asked", "at": now()}
        connection.execute(sa.insert(schema.tombstone), [row])
    assert life(lived, sha256).state == "taken down: the owner asked"


def test_a_name_may_be_a_beginning_a_file_an_address_or_a_path(
    lived: Registry, tmp_path: Path
) -> None:
    sha256 = of(lived, jpeg(0))
    file = tmp_path / "photo.jpg"
    file.write_bytes(jpeg(0))
    assert find_image(lived, sha256[:20].upper()).sha256 == sha256
    assert find_image(lived, str(file)).sha256 == sha256
    assert find_image(lived, "a/0.jpg").sha256 == sha256
    source = schema.source
    address = sa.select(source.c.url).where(source.c.sha256 == of(lived, jpeg(500)))
    (row,) = lived.database.rows(address)
    assert find_image(lived, row.url).sha256 == of(lived, jpeg(500))


def test_a_name_that_is_wrong_is_told(lived: Registry, tmp_path: Path) -> None:
    file = tmp_path / "other.jpg"
    file.write_bytes(jpeg(999))
    for given, words in {
        "abc": "at least its first 6 characters",
        "zebra": "names no image",
        "0" * 64: "no image begins with",
        "0" * 65: "names no image",
        str(file): "neither imported nor collected",
        "http://127.0.0.1/never": "was never tried",
    }.items():
        with pytest.raises(InputError, match=words):
            find_image(lived, given)


def test_an_ambiguous_name_lists_who_might_be_meant(lived: Registry) -> None:
    rows = [
        {"sha256": "abcdef" + last * 58, "reason": "asked", "at": now()} for last in ("0", "1", "2")
    ]
    with lived.database.transaction() as connection:
        connection.execute(sa.insert(schema.tombstone), rows)
    with pytest.raises(
        InputError, match=r"3 images begin with abcdef: abcdef0000000000 .*, abcdef1111"
    ):
        find_image(lived, "abcdef")
    assert find_image(lived, "abcdef2").sha256 == "abcdef" + "2" * 58
