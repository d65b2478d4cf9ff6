"""The `import` command, on both databases."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import func, select

from tests.support.notes.models import Note, db
from tests.tool_services.support.services import Service

pytestmark = pytest.mark.engines


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "notes.csv"


def run(notes: Service, file: Path) -> Result:
    return notes.app.test_cli_runner().invoke(args=["import", str(file)])


def stored(notes: Service, where: Any = True) -> int:
    with notes.app.app_context():
        return db.session.scalar(select(func.count()).select_from(Note).where(where)) or 0


def test_importing_again_changes_what_has_changed(notes: Service, file: Path) -> None:
    file.write_text("Number,Id,Text,Other\n,7,old,ignored\n,8,kept,\n", "utf-8-sig")
    for _ in range(2):
        result = run(notes, file)
        assert result.exit_code == 0
        assert result.output.endswith("2 stored, 0 refused.\n")
    file.write_text("Id,Text\n7,newer\n7,newest\n")
    assert run(notes, file).exit_code == 0
    assert stored(notes, Note.Text == "newest") == stored(notes, Note.Text == "kept") == 1
    assert stored(notes, Note.Id >= 7) == 2


def test_bad_lines_are_named_with_the_reason_and_the_others_are_stored(
    notes: Service, file: Path
) -> None:
    file.write_text('Id,Text\n7,good\nseven,bad\n,missing\n9,"two\nlines"\n0,bad\n10,a,b\n')
    result = run(notes, file)
    assert result.exit_code == 1
    assert result.output.endswith("2 stored, 4 refused.\n")
    lines = [line for line in result.output.replace("\r", "\n").splitlines() if "line " in line]
    assert [line.partition(":")[0] for line in lines] == ["line 3", "line 4", "line 7", "line 8"]
    assert "Id is 'seven'" in lines[0]
    assert "Id is missing" in lines[1]
    assert "more fields" in lines[3]
    assert stored(notes, Note.Id >= 7) == 2


@pytest.mark.parametrize("text", ["", "Id,Other\n1,x\n", "\x00\x01"])
def test_a_file_without_the_columns_is_refused_as_a_whole(
    notes: Service, file: Path, text: str
) -> None:
    file.write_text(text)
    result = run(notes, file)
    assert result.exit_code == 1
    assert "Text" in result.output
    assert "Traceback" not in result.output


def test_a_file_that_is_not_utf_8_is_refused(notes: Service, file: Path) -> None:
    file.write_text("Id,Text\n1,Café\n", "latin-1")
    result = run(notes, file)
    assert result.exit_code == 1
    assert "UTF-8" in result.output


def test_only_the_first_refused_lines_are_listed(notes: Service, file: Path) -> None:
    file.write_text("Id,Text\n" + "x,y\n" * 150)
    output = run(notes, file).output
    assert output.count("line ") == 100
    assert "0 stored, 150 refused." in output


def test_a_long_file_with_long_fields_is_stored(notes: Service, file: Path) -> None:
    limit = csv.field_size_limit()
    lines = [f"{number},x\n" for number in range(3, 2_347)]
    file.write_text("".join(("Id,Text\n", *lines, f"2347,{'x' * 200_000}\n")))
    assert run(notes, file).exit_code == 0
    assert stored(notes, Note.Id >= 3) == 2_345
    # The limit belongs to the whole process, where others rely on it.
    assert csv.field_size_limit() == limit
