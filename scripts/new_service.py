"""Write the folder of a new tool service that works at once: `make new-service NAME=tickets`.

The service keeps things that people open and look for. Change it into what you need.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from keyword import iskeyword
from pathlib import Path
from string import Template

from pydantic.alias_generators import to_camel, to_pascal

from scripts import ROOT
from tool_services import all_services
from tool_services.framework.migrations import write_migration
from tool_services.framework.service import check_name

_TEMPLATE = ROOT / "scripts" / "service_template"


def write_service(name: str) -> Path:
    """Write the service's folder beside the others and return it.

    `name` is what the service keeps, in the plural. Stops with a sentence if it can't be used.
    """
    check_name(name)
    words = _words(name)
    if iskeyword(name) or words["Class"] in _class_names():
        sys.exit(f"{name} can't be the name: the code has another use for it. Choose another name.")
    folder = all_services.root() / name
    if folder.exists():
        sys.exit(f"{folder} is there already. Choose another name.")
    for file in sorted(_TEMPLATE.rglob("*.txt")):
        place = folder / file.relative_to(_TEMPLATE).with_suffix("")
        if place.name == "samples.csv":
            place = place.with_name(f"{name}.csv")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(Template(file.read_text("utf-8")).substitute(words), "utf-8")
    write_migration(all_services.service(name), "Add the tables")
    for command in (("check", "--select", "I,F401", "--fix"), ("format",)):
        ruff = (sys.executable, "-m", "ruff", *command, "--quiet", str(folder))
        subprocess.run(ruff, cwd=ROOT, check=True)  # noqa: S603
    return folder


def _class_names() -> frozenset[str]:
    """Return what begins with a capital letter in the template's tools."""
    tools = (_TEMPLATE / "tools.py.txt").read_text("utf-8")
    return frozenset(re.findall(r"\b[A-Z]\w+", tools))


def _words(plural: str) -> dict[str, str]:
    """Return what stands for each name in the template."""
    singular = _singular(plural)
    word = singular.replace("_", " ")
    article = "an" if word[0] in "aeiou" else "a"
    return {
        "plural": plural,
        "singular": singular,
        "word": word,
        "a_word": f"{article} {word}",
        "A_word": f"{article.capitalize()} {word}",
        "words": plural.replace("_", " "),
        "Words": plural.replace("_", " ").capitalize(),
        "word_pattern": word.replace(" ", "[- ]"),
        "Class": to_pascal(singular),
        "camel": to_camel(singular),
        "camels": to_camel(plural),
        "find": to_camel(f"find_{plural}"),
        "open": to_camel(f"open_{singular}"),
        "letter": plural[0].upper(),
        "small": plural[0],
    }


def _singular(plural: str) -> str:
    if plural.endswith("ies"):
        return f"{plural[:-3]}y"
    if plural.endswith("s") and len(plural) > 1:
        return plural[:-1]
    return f"{plural}_entry"


def main() -> None:
    name = os.environ.get("NAME", "")
    if not name:
        sys.exit("Name what the service keeps, in the plural: make new-service NAME=tickets")
    folder = write_service(name)
    print(f"{folder} works already: make run")
    print("To change it into what you need: docs/tutorial.md")
    print(f"Its tests: {Path(sys.executable)} -m pytest {folder}")


if __name__ == "__main__":
    main()
