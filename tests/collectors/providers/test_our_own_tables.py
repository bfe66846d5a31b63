"""A table that Ephyra wrote, given to a provider, says of each image what it said before."""

from pathlib import Path

import pandas as pd
import pytest

from collectors.providers.urls import UrlListProvider
from data_registry.csv_files import write_csv

URL = "http://127.0.0.1/a.jpg"


@pytest.mark.parametrize(
    "creator", ["=1+1", "'=1+1", "-2", "@someone", "+49 123", "'A. Diver'", "A\rB", "A\r\nB; C"]
)
def test_a_creator_comes_back_from_our_own_csv(tmp_path: Path, creator: str) -> None:
    table = pd.DataFrame({"url": [URL], "creator": [creator], "licence": ["BY"]})
    write_csv(table, tmp_path / "pool.csv")
    (candidate,) = UrlListProvider(tmp_path / "pool.csv").candidates([])
    assert candidate.source.url == URL
    assert candidate.source.creator == creator


def test_a_table_with_semicolons_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"url;creator\n{URL};'=A\n")
    (candidate,) = UrlListProvider(tmp_path / "a.csv").candidates([])
    assert (candidate.source.url, candidate.source.creator) == (URL, "=A")
