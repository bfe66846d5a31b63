"""The decision about the champion: on validation or held-out folds of train, never on test."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from data_registry.errors import InputError
from data_registry.progress import Progress, SilentProgress, report_phase
from data_registry.runs.champions import (
    KEPT,
    PROMOTED,
    UNDECIDED,
    ChampionDecision,
    find_champion,
    record_champion_decision,
)
from data_registry.runs.run_records import load_runs
from data_registry.versions.published_versions import Version, find_version, load_complete_rows
from flows.champion.eligibility import select_eligible_recipes
from flows.champion.scoring import (
    CROSS_VALIDATION,
    Contest,
    hold_contest,
    repeat_on_other_folds,
)
from flows.config.workspace import Workspace
from flows.training.training_data import build_dataset
from train.data.dataset import Dataset
from train.evaluation.conclusions import BETTER, WORSE, describe_difference
from train.experiments.champion_evaluation import compare_scores
from train.experiments.recipes import Recipe, compute_recipe_key, group_runs
from train.experiments.runs import read_run

Repeat = Callable[[Sequence[Recipe]], Contest]


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What came of a decision.

    Attributes:
        verdict: promoted, undecided or kept.
        champion: its run, the same as before unless promoted.
        challenger: the run that was compared with it; empty without one.
        basis: validation, grouped cross-validation, or no contest.
        images: that it rests on.
        reason: in words.
        not_eligible: arms that may not become champion, and why.
    """

    verdict: str
    champion: str
    challenger: str
    basis: str
    images: int
    reason: str
    not_eligible: tuple[str, ...] = ()


def decide_stage(
    workspace: Workspace, version: str = "", progress: Progress | None = None
) -> Decided:
    """Decide whether a run of a version becomes the champion.

    The best eligible recipe challenges the champion on the same images. It takes the title only if
    it is better beyond chance, corrected for the number of challengers, and, where held-out folds
    decide, better on other folds as well; else the champion stays, and the answer is "undecided".

    Raises:
        InputError: there is no version, or no run of it yet.
    """
    registry = workspace.registry
    chosen = find_version(registry, version)
    rows = load_complete_rows(registry, chosen)
    dataset = build_dataset(registry, chosen, rows)
    recipes = _list_recipes(workspace, chosen, dataset)
    holder = find_champion(registry)
    champion = _find_recipe(workspace, holder) if holder else None
    eligible, not_eligible = select_eligible_recipes(workspace, rows, dataset, recipes)
    challengers = [recipe for recipe in eligible if not champion or recipe.key != champion.key]
    rivals = [*challengers, *([champion] if champion and challengers else [])]
    progress = progress or SilentProgress()
    with report_phase(progress, "deciding about the champion", None):
        contest = hold_contest(workspace, dataset, rivals, progress)

        def repeat(two: Sequence[Recipe]) -> Contest:
            return repeat_on_other_folds(workspace, dataset, two, progress)

        decision = _decide(holder or "", champion, contest.rank(challengers), contest, repeat)
    record_champion_decision(registry, decision)
    return Decided(
        verdict=decision.verdict,
        champion=decision.run_id,
        challenger=decision.challenger,
        basis=contest.basis,
        images=contest.images,
        reason=decision.reason,
        not_eligible=not_eligible,
    )


def _list_recipes(workspace: Workspace, version: Version, dataset: Dataset) -> list[Recipe]:
    """List the version's recipes that folds could make again and that predict its classes."""
    table = load_runs(workspace.registry)
    names = table["run_id"][table["version_hash"] == version.version_hash]
    if names.empty:
        raise InputError(f"no run of {version.tag} yet: run `ephyra train` first")
    runs = (read_run(workspace.registry.files, name) for name in names)
    # Parts of ensembles and distilled models: no fold could make them again from their settings.
    # Models of groups of classes answer another question.
    return group_runs(
        run for run in runs if not run.card.made and run.card.class_names == dataset.class_names
    )


def _find_recipe(workspace: Workspace, name: str) -> Recipe:
    """Find the recipe of a run: the run, and those that differ from it in their seed alone."""
    files, table = workspace.registry.files, load_runs(workspace.registry)
    card = read_run(files, name).card
    siblings = table["run_id"][table["version_hash"] == card.version]
    recipes = group_runs(read_run(files, sibling) for sibling in siblings)
    return next(recipe for recipe in recipes if recipe.key == compute_recipe_key(card))


def _decide(
    holder: str,
    champion: Recipe | None,
    challengers: Sequence[Recipe],
    contest: Contest,
    repeat: Repeat,
) -> ChampionDecision:
    if not challengers:
        if champion is None:
            raise InputError(
                "no run may become the champion: see [promote] in ephyra.toml, audit what was "
                "accepted (`ephyra review --audit 59`), or `ephyra promote RUN` by hand"
            )
        reason = "no other run may challenge it"
        return ChampionDecision(run_id=holder, verdict=KEPT, challenger="", reason=reason)
    best = challengers[0]
    if champion is None:
        return _choose_first_champion(best, len(challengers), contest)
    return _decide_after_contest(holder, champion, challengers, contest, repeat)


def _choose_first_champion(best: Recipe, count: int, contest: Contest) -> ChampionDecision:
    run_id = best.best.card.run_id
    if count == 1:
        reason = f"{best.name}: the only one that may be champion"
        return ChampionDecision(
            run_id=run_id,
            verdict=PROMOTED,
            challenger="",
            reason=reason,
            evidence={"basis": contest.basis},
        )
    loss = contest.scores[best.key].log_loss
    reason = (
        f"{best.name}: the lowest log-loss of {count}, {loss:.3f} on {contest.images} images "
        f"({contest.basis}); the first champion"
    )
    evidence = {"basis": contest.basis, "images": contest.images, "log_loss": loss}
    return ChampionDecision(
        run_id=run_id, verdict=PROMOTED, challenger="", reason=reason, evidence=evidence
    )


def _decide_after_contest(
    holder: str,
    champion: Recipe,
    challengers: Sequence[Recipe],
    contest: Contest,
    repeat: Repeat,
) -> ChampionDecision:
    """Promote the best challenger if it is better, and better on other folds where folds decide."""
    best, count = challengers[0], len(challengers)
    answer, evidence, words = _compare(best, champion, contest, count)
    if count > 1:
        words += f", the best of {count} challengers, judged at {100 - 5 / count:.3g} % for that"
    if answer == BETTER and contest.basis == CROSS_VALIDATION:
        answer, evidence["confirmation"], again = _compare(
            best, champion, repeat([best, champion]), 1
        )
        words += f"; on other folds: {again}"
    challenger = best.best.card.run_id
    verdict = {BETTER: PROMOTED, WORSE: KEPT}.get(answer, UNDECIDED)
    winner = challenger if verdict == PROMOTED else holder
    reason = f"{best.name} against the champion ({champion.name}): {words}"
    return ChampionDecision(
        run_id=winner, verdict=verdict, challenger=challenger, reason=reason, evidence=evidence
    )


def _compare(
    best: Recipe, champion: Recipe, contest: Contest, challengers: int
) -> tuple[str, dict[str, Any], str]:
    """Return the answer, the numbers it rests on, and the same in words."""
    theirs, ours = contest.scores[champion.key], contest.scores[best.key]
    answer, difference = compare_scores(ours, theirs, challengers)
    seeds = min(len(ours.correct), len(theirs.correct))
    words = describe_difference(difference, contest.images, seeds, contest.kind_of_images)
    interval = difference.interval
    evidence: dict[str, Any] = {
        "basis": contest.basis,
        "images": contest.images,
        "challengers": challengers,
        "difference": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "p_value": difference.p_value,
        "log_loss": {"challenger": ours.log_loss, "champion": theirs.log_loss},
    }
    return answer, evidence, words
