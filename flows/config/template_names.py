"""The project files that `ephyra init --template` begins with; read without anything heavy."""

from pathlib import Path

TEMPLATES = Path(__file__).with_name("templates")
USUAL = "plain"


def list_template_names() -> list[str]:
    """List the names that `ephyra init --template` takes."""
    return sorted(file.stem for file in TEMPLATES.glob("*.toml"))
