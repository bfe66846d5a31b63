"""ephyra.toml: every mistake names its line and what was expected."""

import re
from pathlib import Path

import pytest
from small_project import PROJECT, write_project

from data_registry.errors import ProjectFileError
from flows.config.loader import load_project
from flows.config.validation.toml_lines import find_line

NAME = '[project]\nname = "x"\n'
# (text, line, what the message says)
MISTAKES = {
    "unknown key": (NAME + "[label]\nmode = 'probe'\ntreshold = 0.9\n", 5, "label.treshold: there"),
    "a key that is misspelt": (NAME + "[label]\ntreshold = 0.9\n", 4, "did you mean threshold?"),
    "a table that is misspelt": (NAME + "[[class]]\nname = 'a'\n", 3, "did you mean classes?"),
    "a key in another table": (
        NAME + "[collect]\nthreshold = 0.9\n",
        4,
        "no such key here; it belongs in [label]",
    ),
    "a key like no other": (NAME + "[goal]\nxyzzy = 1\n", 4, "`ephyra init --all` writes"),
    "a licence in other words": (NAME + "[collect]\nlicences = ['CC-BY']\n", 4, 'write "BY"'),
    "a licence spelt out": (
        NAME + "[collect]\nlicences = ['CC BY-SA 4.0']\n",
        4,
        'write "BY-SA"',
    ),
    "no licence": (NAME + "[collect]\nlicences = ['MIT']\n", 4, "'other' (found 'MIT')"),
    "one of two kinds of value": (
        NAME + "[[train.models]]\nname = 'cnn'\nepochs = 'many'\n",
        5,
        "train.models.epochs: expected a whole number or 'unlimited' (found 'many')",
    ),
    "too few values": (
        NAME + "[label]\nmean = [0.5, 0.5]\n",
        4,
        "label.mean: expected at least 3 values (found [0.5, 0.5])",
    ),
    "a time zone that is misspelt": (
        NAME + "[schedule]\ntime_zone = 'Europe/Berln'\n",
        4,
        "did you mean Europe/Berlin?",
    ),
    "a range that is misspelt": (
        NAME
        + "[[train.models]]\nname = 'cnn'\n[[train.sweeps]]\nmodel = 'cnn'\n"
        + "space = { learning_rate = { low = 1, hihg = 2 } }\n",
        7,
        "train.sweeps.space.learning_rate.hihg: there is no such key",
    ),
    "a text for a table": ("project = 'x'\n", 1, "project: expected a table (found 'x')"),
    "a number for a text": ("[project]\nname = 3\n", 2, "expected text in quotation marks"),
    "a text for a list": (NAME + "[[classes]]\nname = 'a'\nqueries = 'b'\n", 5, "square brackets"),
    "a text for yes or no": (NAME + "[label]\nheed_gate = 'on and off'\n", 4, "true or false"),
    "unknown table": (NAME + "[lable]\nthreshold = 0.9\n", 3, "lable: there is no such key"),
    "value out of range": (
        NAME + "\n[label]\nthreshold = 95\n",
        5,
        "expected less than 1 (found 95)",
    ),
    "wrong type": (
        NAME + "[collect]\nthreads = 'many'\n",
        4,
        "expected a whole number (found 'many')",
    ),
    "wrong word": (NAME + "[label]\nmode = 'magic'\n", 4, "'probe' or 'finetune'"),
    "missing table": ("[goal]\naccuracy = 0.9\n", 1, "project: this key is missing"),
    "missing key": ("# a comment\n[project]\ncontact = 'me'\n", 2, "project.name: this key is"),
    "missing key of the second table": (
        NAME + "[[train.models]]\nname = 'cnn'\n[[train.models]]\nsteps = 3\n",
        5,
        "train.models.name: this key is missing",
    ),
    "bad value in the second table": (
        NAME + "[[train.models]]\nname = 'cnn'\n[[train.models]]\nname = 'cnn'\nsteps = 0\n",
        7,
        "train.models.steps: expected at least 1 (found 0)",
    ),
    "bad value in a dotted key": (NAME + "[train]\n[splits]\n\nval = 1.5\n", 6, "splits.val"),
    "inline table": (
        "project = { name = '' }\n",
        1,
        "project.name: expected text that is not empty",
    ),
    "dotted at the top": ("goal.accuracy = 2\n" + NAME, 1, "goal.accuracy"),
    "quoted key": (NAME + '[goal]\n"accuracy" = 2\n', 4, "goal.accuracy"),
    "two equal seeds": (NAME + "[train]\nseeds = [1, 1, 2]\n", 4, "at least 3 different seeds"),
    "query under two classes": (
        NAME
        + "[[classes]]\nname = 'a'\nqueries = ['jelly']\n"
        + "[[classes]]\nname = 'b'\nqueries = ['b', 'jelly']\n",
        8,
        "a has this query too",
    ),
    "class names that differ in case": (
        NAME + "[[classes]]\nname = 'Moon'\n[[classes]]\n\nname = 'moon'\n",
        7,
        "a class called 'Moon' stands above",
    ),
    "class names that differ by what cannot be seen": (
        NAME + "[[classes]]\nname = 'cat'\n[[classes]]\nname = 'cat\u200b'\n",
        6,
        r"'cat' stands above, and 'cat\u200b' can hardly be told apart from it",
    ),
    "query under two classes, in other letters": (
        NAME
        + "[[classes]]\nname = 'a'\nqueries = ['Caf\u00e9  bar']\n"
        + "[[classes]]\nname = 'b'\nqueries = ['cafe\u0301 bar ']\n",
        8,
        "a has this query too",
    ),
    "background query of a class, in other letters": (
        NAME + "[[classes]]\nname = 'a'\nqueries = ['Sea']\n[collect]\nbackground = ['sea ']\n",
        7,
        "a has this query too; a background query finds no class",
    ),
    "a bucket with one slash": (
        NAME + "[storage]\nfiles = 's3:/bucket/bay'\n",
        4,
        "storage.files: expected a folder, or a URL with two slashes: s3://bucket/bay",
    ),
    "a file for a database": (
        NAME + "[storage]\ndatabase = 'registry.db'\n",
        4,
        "storage.database: the database's address cannot be read",
    ),
    "a database that is not known": (
        NAME + "[storage]\ndatabase = 'mysql://x/y'\n",
        4,
        "storage.database: expected the URL of sqlite or postgresql",
    ),
    "a database that is not kept": (
        NAME + "[storage]\ndatabase = 'sqlite://'\n",
        4,
        "storage.database: the URL names no database",
    ),
    "a pattern without a source": (
        NAME + "[groups]\nname_patterns = ['aug-N']\n",
        4,
        "must hold SRC exactly once",
    ),
    "a limit of nothing": (
        NAME + "[collect]\nmax_megapixels = 1e-9\n",
        4,
        "expected at least 0.001",
    ),
    "blank query": (
        NAME + "[[classes]]\nname = 'a'\nqueries = ['sea', ' ']\n",
        5,
        "classes.queries: expected words to search for",
    ),
}
UNUSABLE_CLASSES = {
    "   ": "nothing but spaces",
    "\u200b": "nothing but spaces",
    "\u3164": "nothing but spaces",
    "..": "nothing but spaces, dots",
    "a/b": "a folder's name holds no /",
    ".cat": "a folder called so is not read (hidden)",
    "@eaDir": "a folder called so is not read (made by a system",
    300 * "a": "at most 255 bytes",
}


@pytest.mark.parametrize("name", UNUSABLE_CLASSES)
def test_a_class_that_no_folder_can_hold(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectFileError) as caught:
        load_project(write_project(tmp_path, f"{NAME}[[classes]]\nname = '{name}'\n"))
    assert "line 4: classes.name: expected the name of a class folder: " in str(caught.value)
    assert UNUSABLE_CLASSES[name] in str(caught.value)


@pytest.mark.parametrize("name", ["train", "none", "C++", "\u2764\ufe0f", "don't", "a.b", "\u732b"])
def test_a_class_may_have_any_name_of_a_folder(tmp_path: Path, name: str) -> None:
    text = f'{NAME}[[classes]]\nname = "{name}"\n'
    assert load_project(write_project(tmp_path, text)).classes[0].name == name


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, name: str) -> None:
    text, line, words = MISTAKES[name]
    with pytest.raises(ProjectFileError) as caught:
        load_project(write_project(tmp_path, text))
    assert str(caught.value).startswith(f"ephyra.toml line {line}: ")
    assert words in str(caught.value)
    assert not re.search("Input|String|Tuple|validation|Value error|pydantic", str(caught.value))


def test_a_password_in_a_wrong_place_is_not_told(tmp_path: Path) -> None:
    text = NAME + "[work]\nworkers = 'postgresql://me:secret@host/db'\n"
    with pytest.raises(ProjectFileError) as caught:
        load_project(write_project(tmp_path, text))
    assert "secret" not in str(caught.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = "[project]\nnmae = 'x'\n[goal]\naccuracy = 2\n"
    with pytest.raises(ProjectFileError) as caught:
        load_project(write_project(tmp_path, text))
    lines = [int(number) for number in re.findall(r"line (\d+)", str(caught.value))]
    assert sorted(lines) == [1, 2, 4]


def test_invalid_toml_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ProjectFileError, match=r"not valid TOML: .*line 2"):
        load_project(write_project(tmp_path, "[project]\nname = \n"))


def test_a_missing_file_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ProjectFileError, match=r"there is no ephyra.toml in .*ephyra init"):
        load_project(tmp_path)


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "ephyra.toml").write_bytes('[project]\nname = "Würfel"\n'.encode("latin-1"))
    with pytest.raises(ProjectFileError, match="cannot be read"):
        load_project(tmp_path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """Notepad writes one: "UTF-8 with BOM"."""
    (tmp_path / "ephyra.toml").write_bytes(b"\xef\xbb\xbf" + NAME.encode())
    assert load_project(tmp_path).project.name == "x"


def test_a_table_that_stands_twice(tmp_path: Path) -> None:
    with pytest.raises(ProjectFileError, match=r"\[label\] stands twice \(at line 4"):
        load_project(write_project(tmp_path, NAME + "[label]\n[label]\n"))


def test_queries_know_their_class(tmp_path: Path) -> None:
    project = load_project(write_project(tmp_path, PROJECT.format(label="")))
    assert project.queries == ["moon jelly", "rose jelly"]
    assert project.class_of_query == {"moon jelly": "moon", "rose jelly": "rose"}


def test_a_table_below_the_last_of_several_is_found() -> None:
    text = "[[a.b]]\nx = 1\n[[a.b]]\n[a.b.c]\ny = [\n  1,\n]\nz = 2\n"
    assert find_line(text, ("a", "b", 1, "c", "z")) == 8
    assert find_line(text, ("a", "b", 0, "x")) == 2
    assert find_line(text, ("a", "b", 0, "z")) == 1
    assert find_line(text, ("nowhere",)) == 1
