"""The two browser files: pinned, checked, and fetched only when missing."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from scripts import browser_files
from scripts.browser_files import FILES, VENDOR, BrowserFile, FetchError, ensure

CONTENT = b"var widget = {version: '1.0'};\n"
WIDGET = BrowserFile(
    package="widget",
    version="1.0",
    member="package/dist/widget.js",
    name="widget.js",
    sha384=hashlib.sha384(CONTENT).hexdigest(),
)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of archives, and an `npm` on the path that packs from there and counts its calls."""
    folder = tmp_path / "registry"
    folder.mkdir()
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\necho "$@" >>"{folder}/calls"\ncp "{folder}"/*.tgz . \n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}{os.pathsep}{os.environ['PATH']}")
    return folder


def publish(registry: Path, content: bytes, member: str = WIDGET.member) -> None:
    source = registry / "widget.js"
    source.write_bytes(content)
    with tarfile.open(registry / WIDGET.archive, "w:gz") as archive:
        archive.add(source, member)


def test_the_files_in_place_are_the_ones_that_the_script_pins() -> None:
    for file in FILES:
        assert hashlib.sha384((VENDOR / file.name).read_bytes()).hexdigest() == file.sha384


def test_the_htmx_in_place_says_the_version_that_the_script_names() -> None:
    htmx = FILES[0]
    assert f'version:"{htmx.version}"' in (VENDOR / htmx.name).read_text()


def test_no_other_file_names_the_versions() -> None:
    root = VENDOR.parent.parent.parent
    others = [*root.glob("app/templates/**/*.html"), *root.glob("app/*.py"), root / "Makefile"]
    named = re.compile(r"htmx[\w.-]*@\d")
    assert not [path for path in others if named.search(path.read_text())]


def test_a_missing_file_is_fetched_without_running_the_packages_scripts(
    registry: Path, tmp_path: Path
) -> None:
    publish(registry, CONTENT)
    ensure(tmp_path / "vendor", [WIDGET])
    assert (tmp_path / "vendor" / "widget.js").read_bytes() == CONTENT
    calls = (registry / "calls").read_text()
    assert "--ignore-scripts" in calls
    assert "widget@1.0" in calls


def test_a_file_that_is_right_already_costs_no_network(registry: Path, tmp_path: Path) -> None:
    (tmp_path / "widget.js").write_bytes(CONTENT)
    ensure(tmp_path, [WIDGET])
    assert not (registry / "calls").exists()


def test_a_file_that_was_changed_is_put_right(registry: Path, tmp_path: Path) -> None:
    publish(registry, CONTENT)
    (tmp_path / "widget.js").write_bytes(b"changed by hand")
    ensure(tmp_path, [WIDGET])
    assert (tmp_path / "widget.js").read_bytes() == CONTENT


def test_a_file_other_than_the_pinned_one_is_refused_and_nothing_is_written(
    registry: Path, tmp_path: Path
) -> None:
    publish(registry, b"something else")
    good = dataclasses.replace(
        WIDGET, name="good.js", sha384=hashlib.sha384(b"something else").hexdigest()
    )
    with pytest.raises(FetchError, match=r"widget\.js of widget@1\.0 is not the file .* nothing"):
        ensure(tmp_path / "vendor", [good, WIDGET])
    assert not (tmp_path / "vendor").exists()


def test_a_package_without_the_file_is_named(registry: Path, tmp_path: Path) -> None:
    publish(registry, CONTENT, member="package/elsewhere.js")
    with pytest.raises(FetchError, match=r"widget@1\.0 came without package/dist/widget\.js"):
        ensure(tmp_path / "vendor", [WIDGET])


def test_a_folder_where_the_file_should_be_is_named(registry: Path, tmp_path: Path) -> None:
    with tarfile.open(registry / WIDGET.archive, "w:gz") as archive:
        archive.add(registry, WIDGET.member, recursive=False)
    with pytest.raises(FetchError, match="came without"):
        ensure(tmp_path / "vendor", [WIDGET])


def test_what_npm_says_is_passed_on_when_it_fails(registry: Path, tmp_path: Path) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.write_text("#!/bin/sh\necho 'no such package' >&2\nexit 1\n")
    with pytest.raises(FetchError, match=r"(?s)could not fetch widget@1\.0.*no such package"):
        ensure(tmp_path / "vendor", [WIDGET])


def test_without_npm_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match=r"npm is not installed.*install Node\.js"):
        ensure(tmp_path / "vendor", [WIDGET])


def test_the_command_ends_with_the_sentence_alone(tmp_path: Path) -> None:
    copy = tmp_path / "scripts" / "browser_files.py"
    copy.parent.mkdir()
    copy.write_text(Path(browser_files.__file__).read_text())
    result = subprocess.run(
        [sys.executable, copy], env={"PATH": ""}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.startswith("npm is not installed")
    assert "Traceback" not in result.stderr


def test_the_command_is_silent_when_all_is_there(capfd: pytest.CaptureFixture[str]) -> None:
    browser_files.main()
    assert capfd.readouterr() == ("", "")
