"""The cases in a domain's `evals.toml`: a question, and what a good answer to it does."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE = "evals.toml"

Texts = tuple[str, ...]


class BadCases(Exception):
    """A file of cases can't be used; the text says why."""


class Case(BaseModel):
    """A conversation whose last answer is scored; the questions before lead up to it.

    `tools` are the tools to be called, each once or more; for one of several that do as well,
    write "this|that". `arguments` are those that the first of them needs: "{me}" is the address of
    whoever asks, and a text may be one of several here too. `may_have` are the names of arguments
    that it can have besides. Each of `facts` has to be in the answer, in one of its wordings:
    "8.5 %|8.5%". None of `never` may be there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    questions: Annotated[Texts, Field(min_length=1)]
    tools: Texts = ()
    arguments: dict[str, Any] = {}
    may_have: Texts = ()
    facts: Texts = ()
    never: Texts = ()

    def of(self, email: str) -> Case:
        """Return the case as asked by the person with that address."""
        arguments = {
            name: email if value == "{me}" else value for name, value in self.arguments.items()
        }
        return self.model_copy(update={"arguments": arguments})


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    may_have: Texts = ()
    """Arguments that every case's call can have."""
    case: tuple[Case, ...]


def read_cases(file: Path) -> list[Case]:
    """Read a file of cases. Raises BadCases."""
    try:
        content = _File(**tomllib.loads(file.read_text()))
    except (OSError, ValueError) as error:
        reason = _first(error) if isinstance(error, ValidationError) else str(error)
        raise BadCases(f"{file}: {reason}") from None
    names = [case.name for case in content.case]
    for name in names:
        if names.count(name) > 1:
            raise BadCases(f"{file}: two cases are called {name}")
    return [
        case.model_copy(update={"may_have": (*case.may_have, *content.may_have)})
        for case in content.case
    ]


def cases_in(folders: Iterable[Path]) -> list[Case]:
    """Read the cases of those folders that have some. Raises BadCases."""
    files = (folder / FILE for folder in folders)
    return [case for file in files if file.exists() for case in read_cases(file)]


def _first(error: ValidationError) -> str:
    detail = error.errors()[0]
    return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
