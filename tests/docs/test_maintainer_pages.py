"""The pages for people who change Ductile say what the code is."""

import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.pages import ROOT
from support.ranks import RANKS
from support.web import serving

from ductile import parts
from ductile.config.compile import compile_config
from ductile.http.reply import JsonReply, Reply
from ductile.http.request import Request
from ductile.http.surfaces.schemas import STRING, object_schema
from ductile.model.route import Route

ARCHITECTURE = ROOT / "docs/explanation/architecture.md"
GLOSSARY = ROOT / "docs/reference/glossary.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"


def rows(text: str, header: str) -> list[list[str]]:
    """The cells of the table that begins with this header."""
    lines = text.partition(header)[2].splitlines()[2:]
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


@pytest.mark.parametrize("page", [ARCHITECTURE, GLOSSARY, CONTRIBUTING], ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page: Any) -> None:
    names = re.findall(r"`((?:ductile|tests|scripts)/[^`* ]*)`", page.read_text())
    assert len(names) > 5
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_the_architecture_lists_the_packages_by_rank() -> None:
    listed: dict[int, set[str]] = {}
    for rank, names, _ in rows(ARCHITECTURE.read_text(), "| rank | package | holds |"):
        listed.setdefault(int(rank), set()).update(re.findall(r"`(\w+)`", names))
    assert listed == dict(enumerate(RANKS))


def test_every_list_of_parts_is_named() -> None:
    text = CONTRIBUTING.read_text() + ARCHITECTURE.read_text()
    lists = {name for name in vars(parts) if name.isupper()} - {"MIDDLEWARE"}
    assert {name for name in lists if f"parts.{name}" not in text} == set()
    assert [name for name in re.findall(r"parts\.([A-Z]+)", text) if not hasattr(parts, name)] == []


def test_every_folder_of_tests_is_named() -> None:
    named = {cells[0].strip("`") for cells in rows(CONTRIBUTING.read_text(), "| folder of tests | holds |")}
    folders = {f"tests/{path.name}/" for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert named == folders - {"tests/support/", "tests/__pycache__/"}


def test_the_glossary_says_each_word_once_and_in_order() -> None:
    words = [cells[0] for cells in rows(GLOSSARY.read_text(), "| word | meaning | code |")]
    assert len(words) > 30
    assert words == sorted(set(words))


async def test_the_group_of_endpoints_that_the_page_adds_answers(tmp_path: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", CONTRIBUTING.read_text(), re.DOTALL)[0]
    names: dict[str, Any] = {
        "JsonReply": JsonReply,
        "Reply": Reply,
        "Request": Request,
        "Route": Route,
        "STRING": STRING,
        "object_schema": object_schema,
    }
    exec(code, names)
    async with serving(tmp_path) as web:
        snapshot = web.live.snapshot
        served = (*snapshot.rows, *names["ROUTES"])
        web.live.snapshot = replace(snapshot, rows=served, generation=snapshot.generation + 1)
        answer = await web.call("GET", "/hello")
        assert (answer.status, answer.json) == (200, {"hello": "token:admin"})
        assert "/hello" in (await web.get("/openapi.json")).json["paths"]


def test_the_section_that_the_page_adds_is_compiled(tmp_path: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", CONTRIBUTING.read_text(), re.DOTALL)[1]
    names: dict[str, Any] = {}
    exec(code, names)
    section = names["GREETING"]
    config = tmp_path / "config.yaml"
    config.write_text("greeting: {text: hi, pause: 2s}\n")
    snapshot = compile_config(config, {}, generation=1, sections=[section]).snapshot
    assert snapshot is not None
    assert section.value_in(snapshot) == "hi"
    config.write_text("greeting: {text: hé}\n")
    (error,) = compile_config(config, {}, generation=1, sections=[section]).errors
    assert str(error) == "config.yaml:1:18: error[bad_value]: `text` must be ASCII"
