"""Opening a project's champion to this machine."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from data_registry.progress import Progress, SilentProgress
from data_registry.runs.champions import require_champion
from flows.config.prerequisites import require_teacher
from flows.config.settings import build_image_limits
from flows.config.workspace import open_workspace
from flows.shared.loading import announce_model_loading
from labeling.review.site_security.owner_token import build_start_address, create_token

HOST = "127.0.0.1"


def serve_champion(
    project: Path,
    port: int,
    tell: Callable[[str], None],
    showing: AbstractContextManager[Progress] | None = None,
) -> None:
    """Answer until the process is told to end. A later champion is served after the next start.

    Args:
        project: the workspace.
        port: of this machine.
        tell: given the address to open first, when the champion is there.
        showing: where loading the champion reports its progress.

    Raises:
        InputError: no champion yet.
        WeightsError: the gate's backbone cannot be loaded.
    """
    token = create_token()
    with open_workspace(project) as workspace, showing or nullcontext(SilentProgress()) as progress:
        require_champion(workspace.registry)
        require_teacher(workspace)
        with announce_model_loading(progress):
            from flows.prediction.predicting import Predictor
            from flows.prediction.site.app import create_app
        predictor = Predictor(workspace, progress)
        name = workspace.project.project.name
        max_bytes = build_image_limits(workspace).max_bytes
    from labeling.review.site_security import server

    app = create_app(name, predictor, max_bytes, token)
    tell(build_start_address(f"http://{HOST}:{port}", token))
    server.serve(app, port)
