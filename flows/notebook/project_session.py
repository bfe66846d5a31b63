"""`Workspace`: a project from its first photo to its predictions, step by step.

with Workspace.create("medusae", classes={"moon": ["moon jellyfish"]}) as bay:
    bay.import_folder("photos")
    bay.collect()
    bay.label()
    bay.answer({sha256: "moon" for sha256 in bay.queue()["sha256"]})
    bay.merge()
    bay.train()
    bay.predict("new.jpg")
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from data_registry.text.wording import count_noun
from flows.config.workspace import open_workspace
from flows.notebook.cell_bars import show_progress_here
from flows.steps import project_steps
from flows.steps.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from collectors.ledger import CollectSummary
    from data_registry.progress import Progress
    from data_registry.registry import Registry
    from data_registry.verification.verify import Verification
    from data_registry.versions.published_versions import Version
    from flows.prediction.predicting import FilePrediction
    from flows.reports.labelling.labelling_stage import LabelledRound
    from flows.stages.reviewing import ReviewState
    from flows.stages.stages import Imported
    from flows.training.train_stage import Trained


class Workspace:
    """An opened project. Its methods are the steps in their order; each is idempotent.

    Args:
        folder: the project's folder, where ephyra.toml lies.

    Raises:
        ProjectFileError: the project file is missing or wrong.
        StorageError: the workspace cannot be opened.
    """

    def __init__(self, folder: str | Path = ".") -> None:
        self.folder = Path(folder)
        self._stack = ExitStack()
        self._opened = self._stack.enter_context(open_workspace(self.folder))

    @classmethod
    def create(
        cls,
        folder: str | Path,
        classes: Mapping[str, Sequence[str]] | None = None,
        **tables: Mapping[str, Any],
    ) -> Workspace:
        """Write a project file and open the project; an existing project is opened as it is.

        Args:
            folder: made if missing.
            classes: search terms of each class; empty where the labelled set names the classes.
            tables: tables of ephyra.toml by name, for example ``label={"weights": "net.pth"}``.

        Raises:
            ProjectFileError: a key is unknown or a value is wrong; nothing was written.
        """
        import tomlkit

        from flows.config.loader import FILE_NAME, parse_project
        from flows.config.scaffold import write_files

        path = Path(folder)
        if not (path / FILE_NAME).exists():
            sections = [
                {"name": name, "queries": [*terms]} for name, terms in (classes or {}).items()
            ]
            project = {"project": {"name": path.resolve().name}, "classes": sections, **tables}
            write_files(path, parse_project(tomlkit.dumps(project), Path(FILE_NAME)))
        return cls(path)

    @property
    def registry(self) -> Registry:
        """Images and everything known about them."""
        return self._opened.registry

    def import_folder(self, folder: str | Path) -> Result[Imported]:
        """Import a labelled set: ``CLASS/photo.jpg``, or splits with classes inside."""
        with self._show_progress() as progress:
            return project_steps.import_labelled_set(self._opened, Path(folder), progress)

    def collect(self) -> Result[tuple[CollectSummary, ...]]:
        """Ask every provider for images; finished ones are not fetched again."""
        with self._show_progress() as progress:
            return project_steps.collect_images(self._opened, progress)

    def label(self, threshold: float | None = None) -> Result[LabelledRound]:
        """Find duplicates, train the teacher, and accept, reject or queue each image."""
        with self._show_progress() as progress:
            return project_steps.label_pool(self._opened, progress, threshold)

    def queue(self) -> pd.DataFrame:
        """List the images that wait for a person, those worth most first.

        Returns:
            One row for each image, with its sha256, why it is asked and what the teacher says.
        """
        from labeling.review.queue import load_waiting_images

        return load_waiting_images(self.registry)

    def answer(
        self, answers: Mapping[str, str] | str | Path, person: str = "reviewer"
    ) -> Result[ReviewState]:
        """Record a person's answers.

        Args:
            answers: class (or ``none``) for each SHA-256, or a CSV with the columns sha256 and
                answer.
            person: who answers.

        Raises:
            AnswerFileError: an image or a class is unknown; nothing was recorded.
        """
        from flows.stages.reviewing import ReviewRequest

        with _write_answers(answers) as file:
            request = ReviewRequest(answers=file, person=person)
            return project_steps.review_images(self._opened, request)

    def merge(self) -> Result[Version]:
        """Publish what is known as a version whose splits cannot leak."""
        with self._show_progress() as progress:
            return project_steps.merge_version(self._opened, progress)

    def train(self, version: str = "") -> Result[Trained]:
        """Train each model without and with the collected images, and decide on the champion."""
        with self._show_progress() as progress:
            return project_steps.train_models(self._opened, progress, version)

    def verify(self, blobs: bool = False) -> Result[Verification]:
        """Check every rule on what is stored; the result is false where one does not hold."""
        with self._show_progress() as progress:
            return project_steps.verify_workspace(self._opened, progress, blobs=blobs)

    def predict(self, *inputs: str | Path, top: int = 3) -> Result[list[FilePrediction]]:
        """Ask the champion about photos, folders or URLs."""
        with self._show_progress() as progress:
            images = [str(image) for image in inputs]
            return project_steps.predict_images(self._opened, images, progress, top=top)

    def close(self) -> None:
        """Give the database's connections back."""
        self._stack.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        images = len(self.registry.find_known_images())
        return f"<Workspace {self._opened.project.project.name!r}: {count_noun(images, 'image')}>"

    def _repr_html_(self) -> str:
        from flows.output.state_view import build_status_answer
        from flows.status.overview import summarise_workspace

        return Result(self, build_status_answer(summarise_workspace(self._opened)))._repr_html_()

    @staticmethod
    def _show_progress() -> AbstractContextManager[Progress]:
        return show_progress_here()


@contextmanager
def _write_answers(answers: Mapping[str, str] | str | Path) -> Iterator[Path]:
    """Write answers to a file, since the review reads files."""
    if not isinstance(answers, Mapping):
        yield Path(answers)
        return
    import pandas as pd

    from data_registry.csv_files import write_csv

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.csv"
        write_csv(pd.DataFrame(answers.items(), columns=["sha256", "answer"]), file)
        yield file
