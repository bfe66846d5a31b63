"""Whether there is anything to retrain for."""

from data_registry.runs.champions import find_champion
from data_registry.runs.run_records import load_runs
from data_registry.versions.draft import draft_manifest
from data_registry.versions.manifest import compute_content_hash
from data_registry.versions.published_versions import find_newest_version
from flows.config.workspace import Workspace


def find_retrain_reason(workspace: Workspace) -> str:
    """Find the reason to retrain; empty where a retraining would only repeat the last one.

    A retraining that was killed after its version was published is still due.
    """
    registry = workspace.registry
    newest = find_newest_version(registry)
    if newest is None or compute_content_hash(draft_manifest(registry)) != newest.version_hash:
        return "what is known differs from the newest version"
    table = load_runs(registry)
    trained = set(table["model"][table["version_hash"] == newest.version_hash])
    untrained = [
        model.name for model in workspace.project.train.models if model.name not in trained
    ]
    if untrained:
        return f"{newest.tag} was not trained yet with {', '.join(untrained)}"
    return "" if find_champion(registry) else "there is no champion yet"
