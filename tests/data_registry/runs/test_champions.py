"""The champion: promotions, undecided contests, and taking a title back."""

import tempfile
from pathlib import Path

import pytest
from drawn import labelled_set
from hypothesis import given, settings
from hypothesis import strategies as st

from data_registry.duplicates.grouping import update_groups
from data_registry.errors import InputError, RuleError
from data_registry.ingest.importing import import_folder
from data_registry.registry import Registry
from data_registry.runs.champions import (
    BY_HAND,
    PROMOTED,
    UNDECIDED,
    ChampionDecision,
    find_champion,
    find_refused_runs,
    load_champion_decisions,
    promote_by_hand,
    record_champion_decision,
    require_champion,
    roll_back,
)
from data_registry.runs.run_records import RunRow, record_runs
from data_registry.versions.publishing import publish
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits

NAMES = ("run-a", "run-b", "run-c")


@pytest.fixture
def trained(registry: Registry, tmp_path: Path) -> Registry:
    """Publish a version with three runs, none of them champion."""
    _train(registry, tmp_path / "set")
    return registry


def _train(registry: Registry, folder: Path) -> None:
    import_folder(registry, labelled_set(folder))
    update_groups(registry)
    assign_splits(registry, SplitSettings())
    version = publish(registry, {}).version_hash
    record_runs(
        registry,
        [
            RunRow(
                run_id=name, version_hash=version, model="cnn", arm="without", seed=0, metrics={}
            )
            for name in NAMES
        ],
    )


def promoted(registry: Registry, run_id: str) -> None:
    assert record_champion_decision(registry, ChampionDecision(run_id=run_id, verdict=PROMOTED))


def test_nobody_is_champion_at_first(trained: Registry) -> None:
    assert find_champion(trained) is None
    with pytest.raises(InputError, match="ephyra train"):
        require_champion(trained)
    with pytest.raises(InputError, match="no earlier champion"):
        roll_back(trained, "")


def test_an_undecided_contest_is_kept_and_said_once(trained: Registry) -> None:
    promoted(trained, "run-a")
    evidence = {"basis": "validation", "images": 240, "low": -0.01, "high": 0.04}
    undecided = ChampionDecision(
        run_id="run-a", verdict=UNDECIDED, challenger="run-b", reason="too close", evidence=evidence
    )
    assert record_champion_decision(trained, undecided)
    assert not record_champion_decision(trained, undecided)
    assert find_champion(trained) == "run-a"
    assert load_champion_decisions(trained)[-1] == undecided
    assert len(load_champion_decisions(trained)) == 2


def test_a_run_that_is_not_known_is_no_champion(trained: Registry) -> None:
    with pytest.raises(RuleError):
        promoted(trained, "run-x")
    with pytest.raises(InputError, match="0 runs begin"):
        promote_by_hand(trained, "x", "")
    with pytest.raises(InputError, match="3 runs begin"):
        promote_by_hand(trained, "run", "")


def test_titles_are_taken_back_one_after_the_other(trained: Registry) -> None:
    for name in NAMES:
        promoted(trained, name)
    assert roll_back(trained, "worse at night").run_id == "run-b"
    assert roll_back(trained, "").run_id == "run-a"
    assert find_refused_runs(trained) == {"run-b", "run-c"}
    with pytest.raises(InputError, match="no earlier champion"):
        roll_back(trained, "")
    decision = promote_by_hand(trained, "run-c", "it was the light")
    assert (decision.verdict, decision.challenger) == (BY_HAND, "run-a")
    assert find_refused_runs(trained) == {"run-b"}
    assert roll_back(trained, "").run_id == "run-a"


@given(st.lists(st.sampled_from([*NAMES, "back"]), max_size=8))
@settings(max_examples=15)
def test_rolling_back_is_a_stack(steps: list[str]) -> None:
    """Whatever happened: the title goes back to the last champion that did not lose it."""
    with tempfile.TemporaryDirectory() as folder, Registry.open(folder) as registry:
        _train(registry, Path(folder) / "set")
        promoted(registry, "run-a")
        stack = ["run-a"]
        for step in steps:
            if step != "back":
                promote_by_hand(registry, step, "")
                stack += [step] if stack[-1] != step else []
            elif len(stack) > 1:
                stack.pop()
                roll_back(registry, "")
            assert find_champion(registry) == stack[-1]
