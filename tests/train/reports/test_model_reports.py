"""Several models on one page, two runs side by side, heat maps, coarse classes, model cards."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_photos import Photos, drawn_photo

from data_registry.errors import InputError
from data_registry.storage.files import FileStore
from data_registry.versions.published_versions import describe_audit, get_audit_mark
from data_registry.versions.version_card import AuditMark, VersionCard
from train.choices import RANDOM
from train.data.dataset import Dataset, Example
from train.evaluation.conclusions import BETTER, CANNOT_TELL, WORSE
from train.experiments.runs import Run
from train.experiments.train_run import train_one
from train.fitting.fit_config import FitConfig
from train.models.models import build_model
from train.reports.card_document import CardFacts, build_card_sections, format_card
from train.reports.coarse import build_coarse_dataset, compare_coarse, compute_coarse_scores
from train.reports.cost import get_cost
from train.reports.explained import explain_predictions
from train.reports.grad_cam import NO_MAP, compute_grad_cam, find_last_convolution, overlay_heat
from train.reports.model_table import build_model_table, compare_models
from train.reports.pair_report import PairReport, compare_pair, write_pair_report
from train.reports.report import Report, write_report
from train.reports.report_views import judge_optional_goal
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

SMALL = ModelSpec("cnn", weights=RANDOM, model_args={"widths": [4, 8]}, input_size=16)
SMALLER = ModelSpec(
    "cnn/fruit", weights=RANDOM, model_args={"widths": [4], "dense": []}, input_size=16
)
GROUPS = {"<ant>": "insect", "bee": "insect", "cow": "beast"}
CONFIG = FitConfig(max_steps=4, batch_size=8)


@pytest.fixture
def dataset(photos: Photos) -> Dataset:
    def examples(seeds: range) -> tuple[Example, ...]:
        return tuple(
            Example(photos.add(drawn_photo(kind, seed, 48)), kind, f"{kind}-{seed}")
            for seed in seeds
            for kind in range(3)
        )

    names = ("<ant>", "bee", "cow")
    train, val, test = (examples(range(6)), examples(range(10, 13)), examples(range(20, 26)))
    return Dataset(version="0123" * 16, class_names=names, train=train, val=val, test=test)


@pytest.fixture
def runs(files: FileStore, photos: Photos, dataset: Dataset) -> tuple[Run, Run]:
    place = TrainingContext(files=files, read=photos.read)
    first, second = (train_one(place, dataset, spec, CONFIG) for spec in (SMALL, SMALLER))
    return first, second


def words_of(page: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", page.partition("<body>")[2]).split())


def test_the_table_is_in_the_order_asked_for(files: FileStore, runs: tuple[Run, Run]) -> None:
    by_weights = build_model_table(files, runs, "parameters")
    counts = [row.cost.parameters for row in by_weights]
    assert counts == sorted(counts)
    assert counts[0] < counts[1]
    by_loss = [row.test.log_loss for row in build_model_table(files, runs, "log-loss")]
    assert by_loss == sorted(by_loss)
    by_accuracy = [row.accuracy.estimate for row in build_model_table(files, runs, "accuracy")]
    assert by_accuracy == sorted(by_accuracy, reverse=True)


def test_every_other_model_meets_the_one_best_by_validation(
    files: FileStore, runs: tuple[Run, Run]
) -> None:
    reference, (duel,) = compare_models(build_model_table(files, runs, "accuracy"))
    assert reference.run.val.log_loss == min(run.val.log_loss for run in runs)
    expected = duel.row.accuracy.estimate - reference.accuracy.estimate
    assert duel.difference.interval.estimate == pytest.approx(expected)
    assert duel.adjusted == duel.mcnemar.p_value  # one comparison needs no adjusting
    assert duel.answer in {BETTER, WORSE, CANNOT_TELL}


def test_a_cost_is_measured_once_and_kept(files: FileStore, runs: tuple[Run, Run]) -> None:
    run = runs[0]
    cost = get_cost(files, run)
    path = f"runs/{run.card.run_id}/cost.json"
    assert json.loads(files.read(path))["macs"] == cost.macs > 0
    assert cost.bytes_on_disk == len(files.read(f"runs/{run.card.run_id}/model.safetensors"))
    assert cost.parameters == run.card.parameter_count
    assert get_cost(files, run) == cost


def test_the_page_shows_every_model_and_what_it_costs(
    files: FileStore, photos: Photos, runs: tuple[Run, Run]
) -> None:
    table = build_model_table(files, runs, "milliseconds")
    facts = facts_of(files, runs[0])
    coarse = compare_coarse(runs[0], GROUPS, None)
    report = Report(
        project="jellies",
        version="v2",
        result=runs[0],
        read=photos.read,
        target=0.85,
        models=table,
        rank_by="milliseconds",
        coarse=coarse,
        card=build_card_sections(facts),
    )
    page = files.read(write_report(files, "reports/x", report)).decode()
    words = words_of(page)
    for expected in (
        "by milliseconds on test", "Is the difference more than chance?", "by Holm's method",
        "Coarse classes", "beast, insect", "Model card", "Fit for a product?",
        "The best of 2 models on a test set looks better than it is",
        "cannot show less than", "goal of 85 %: not reached",
    ):  # fmt: skip
        assert expected in words, expected
    names = {Path(path).stem for path in files.list("reports/x/figures")}
    assert "accuracy_against_cost" in names
    assert "//" not in re.sub('base64,[^"]+', "", page)


def test_two_runs_side_by_side(files: FileStore, photos: Photos, runs: tuple[Run, Run]) -> None:
    pair = compare_pair(files, *runs)
    gain = runs[1].test.accuracy - runs[0].test.accuracy
    assert pair.difference.interval.estimate == pytest.approx(gain)
    assert (pair.answer == CANNOT_TELL) == (pair.mcnemar.p_value >= 0.05)
    path = write_pair_report(files, "reports/pair", PairReport("jellies", pair, photos.read, 0.85))
    page = files.read(path).decode()
    words = words_of(page)
    assert words.index("cnn/fruit") < words.index("exact McNemar p =") < words.index("Scores and")
    assert pair.sentence in words.replace("\u2212", "-")
    assert "One run of each model is compared" in words
    assert "//" not in re.sub('base64,[^"]+', "", page)
    won = sum(
        a == t != b
        for t, a, b in zip(
            runs[0].get_test_predictions()["true"], runs[1].get_test_predictions()["predicted"],
            runs[0].get_test_predictions()["predicted"], strict=True,
        )
    )  # fmt: skip
    assert pair.mcnemar.first_alone == won


def test_runs_with_other_test_images_are_not_compared(
    files: FileStore, photos: Photos, dataset: Dataset, runs: tuple[Run, Run]
) -> None:
    place = TrainingContext(files=files, read=photos.read)
    coarse = train_one(place, build_coarse_dataset(dataset, GROUPS), SMALL, FitConfig(max_steps=2))
    with pytest.raises(InputError, match="different images or classes"):
        compare_pair(files, runs[0], coarse)


def test_groups_by_summed_probabilities(runs: tuple[Run, Run], dataset: Dataset) -> None:
    run = runs[0]
    rows = run.get_test_predictions()
    scores = compute_coarse_scores(run, GROUPS)
    insect = rows["p:<ant>"] + rows["p:bee"]
    said = np.where(insect > rows["p:cow"], "insect", "beast")
    expected = float((said == rows["true"].map(GROUPS)).mean())
    assert scores.accuracy.estimate == pytest.approx(expected)
    assert expected >= run.test.accuracy
    assert [item.support for item in scores.metrics.classes] == [6, 12]


def test_a_model_of_the_groups_stands_beside_it(
    files: FileStore, photos: Photos, dataset: Dataset, runs: tuple[Run, Run]
) -> None:
    grouped = build_coarse_dataset(dataset, GROUPS)
    assert grouped.class_names == ("beast", "insect")
    assert [item.sha256 for item in grouped.test] == [item.sha256 for item in dataset.test]
    spec = ModelSpec(
        "cnn", weights=RANDOM, model_args={"widths": [4, 8]}, input_size=16, learns="groups"
    )
    separate = train_one(TrainingContext(files=files, read=photos.read), grouped, spec, CONFIG)
    view = compare_coarse(runs[0], GROUPS, separate)
    assert view.separate is not None
    assert view.difference is not None
    assert view.separate.accuracy.estimate == pytest.approx(separate.test.accuracy)
    gain = view.fine.accuracy.estimate - separate.test.accuracy
    assert view.difference.interval.estimate == pytest.approx(gain)


@pytest.mark.parametrize("groups", [{"<ant>": "insect"}, dict.fromkeys(GROUPS, "animal")])
def test_groups_that_tell_nothing_apart_are_refused(
    dataset: Dataset, groups: dict[str, str]
) -> None:
    with pytest.raises(InputError, match="Give each of \\[\\[classes\\]\\] a group"):
        build_coarse_dataset(dataset, groups)


def test_heat_lies_where_the_class_is_seen() -> None:
    model = build_model(
        ModelSpec("cnn", weights=RANDOM, model_args={"widths": [2]}, input_size=16), 2
    )
    classifier = model.classifier.eval()
    layer = find_last_convolution(classifier, model.backbone.preprocessing)
    assert layer is not None
    with torch.no_grad():  # one channel sees brightness, and speaks for class 1 alone
        layer.weight.zero_()
        layer.weight[0, :, 1, 1] = 1
        classifier.head.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
    image = torch.zeros(1, 3, 16, 16)
    image[..., 8:, :8] = 1
    heat = compute_grad_cam(classifier, layer, image, [1])[0]
    assert heat.shape == (16, 16)
    assert heat[9:, :7].min() > 0.9
    assert heat[:7, 9:].max() < 0.5
    assert compute_grad_cam(classifier, layer, image, [0])[0].max() == 0
    picture = Image.open(io.BytesIO(overlay_heat(np.zeros((3, 16, 16), np.uint8), heat)))
    assert picture.size == (16, 16)
    assert np.asarray(picture)[12, 3].sum() > np.asarray(picture)[3, 12].sum()


@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv2_035", "convmixer"])
def test_convolutional_models_have_a_last_map(name: str) -> None:
    small = {"dim": 8, "depth": 1} if name == "convmixer" else {}
    model = build_model(ModelSpec(name, weights=RANDOM, model_args=small, input_size=64), 2)
    layer = find_last_convolution(model.classifier, model.backbone.preprocessing)
    assert layer is not None
    images = torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64)
    heat = compute_grad_cam(model.classifier, layer, images, [0, 1])
    assert heat.shape == (2, 64, 64)
    assert 0 <= heat.min() <= heat.max() <= 1.0001


def test_a_transformer_says_why_it_has_none(
    files: FileStore, photos: Photos, dataset: Dataset
) -> None:
    small = {"embed_dim": 12, "depth": 1, "num_heads": 3, "patch_size": 8}
    spec = ModelSpec(
        "vit_tiny_patch16_224", weights=RANDOM, model_args=small, input_size=16, freeze=True
    )
    run = train_one(
        TrainingContext(files=files, read=photos.read), dataset, spec, FitConfig(max_steps=1)
    )
    found = explain_predictions(files, run, photos.read)
    assert (found.items, found.why_not) == ((), NO_MAP)


def test_a_few_images_of_each_class_are_explained(
    files: FileStore, photos: Photos, runs: tuple[Run, Run]
) -> None:
    found = explain_predictions(files, runs[0], photos.read)
    predicted = runs[0].get_test_predictions()["predicted"].value_counts()
    assert len(found.items) == sum(min(count, 3) for count in predicted)
    assert all(item.jpeg for item in found.items)


def facts_of(files: FileStore, run: Run) -> CardFacts:
    (row,) = build_model_table(files, [run], "accuracy")
    return CardFacts(
        project="jellies",
        version="v2",
        run=run,
        accuracy=row.accuracy,
        goal=judge_optional_goal(0.85, row.accuracy, run.test.image_count),
        cost=row.cost,
        per_class={"<ant>": 6, "bee": 60, "cow": 60},
        machine_labelled=5,
        audit="5, unaudited",
        certified=None,
        licences={"CC BY 4.0": 15, "": 3},
    )


def test_a_model_card_says_what_it_is_for_and_what_is_missing(
    files: FileStore, runs: tuple[Run, Run]
) -> None:
    text = format_card(facts_of(files, runs[0]))
    titles = re.findall("^## (.*)$", text, re.MULTILINE)
    assert titles == [
        "Intended use", "Data and licences", "Training cost", "Strengths", "Weak classes",
        "What would help next", "Fit for a product?",
    ]  # fmt: skip
    for expected in (
        "Classifies photos into 3 classes: <ant>, bee, cow.", "Licence CC BY 4.0: 15 images.",
        "Licence not stated: 3 images.", "(5, unaudited)", "More photos of <ant>:",
        "`ephyra review --audit 59`", "on 18 test images", "do not ship it",
    ):  # fmt: skip
        assert expected in text, expected


def test_a_model_card_says_what_an_audit_certified(files: FileStore, runs: tuple[Run, Run]) -> None:
    facts = replace(
        facts_of(files, runs[0]),
        audit=describe_audit(card_with(0.951)),
        certified=get_audit_mark(card_with(0.951))["certified"],
    )
    text = format_card(facts)
    assert "(5, audited: at least 0.951 right, with 95 % confidence)" in text
    assert "at least 0.951 of these labels are right" in text
    assert "never audited" not in text
    assert "ephyra review --audit" not in text


def card_with(certified: float) -> VersionCard:
    mark: AuditMark = {"state": "audited", "machine_labelled": 5, "certified": certified}
    return {"splits": {}, "excluded": {}, "audit": mark}
