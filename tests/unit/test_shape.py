"""The shape of the house: who may import whom, how long a file may be, and that each one stands alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ranks import RANKS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ductile"
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
MUTUAL_RANK = RANKS[0]
"""The one rank whose parts may import each other: values, documents and the error root."""
MAX_MODULE_LINES = 350
MODULES = sorted(PACKAGE.rglob("*.py"))
OWN_FILES = [
    path for folder in ("ductile", "plugins", "scripts", "tests") for path in sorted((ROOT / folder).rglob("*.py"))
]


def part(path: Path) -> str:
    """`ductile/store/errors.py` is of `store`, `ductile/app.py` of `app`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """The parts of Ductile that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides what it reaches for"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            top, _, rest = name.partition(".")
            if top == "ductile" and rest.partition(".")[0] != "__version__":
                yield rest.partition(".")[0], getattr(node, "lineno", 0)


def wrong_imports(path: Path) -> list[str]:
    own = part(path)
    return [
        f"{path.relative_to(ROOT)}:{line}: {own} (rank {RANK[own]}) imports {other} (rank {RANK.get(other)})"
        for other, line in imported(path)
        if other != own and not {own, other} <= MUTUAL_RANK and RANK.get(other, 99) >= RANK[own]
    ]


STORE_CONTRACT = {"ductile.store.contract", "ductile.store.errors"}
"""The modules of the store that every part may import."""
STORE_OPENERS = {"app", "parts", "cli"}
"""The parts that open a store or examine its files, and so may import `ductile.store.sqlite`."""


def wrong_store_imports(path: Path) -> list[str]:
    """The imports of the store's inner modules by a module outside of the store."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        module = getattr(node, "module", None) or ""
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        modules = names if isinstance(node, ast.Import) else [module]
        if module == "ductile.store":
            modules = [f"ductile.store.{name}" for name in names]
        for name in modules:
            if not name.startswith("ductile.store") or name in STORE_CONTRACT:
                continue
            inner = name.removeprefix("ductile.store.").partition(".")[0]
            if inner == "installation" or (inner == "sqlite" and part(path) in STORE_OPENERS):
                continue
            found.append(f"{path.relative_to(ROOT)}: {name}")
    return found


def test_the_store_is_used_by_its_contract_alone() -> None:
    others = [path for path in MODULES if part(path) not in {"store", "__init__"}]
    assert [wrong for path in others for wrong in wrong_store_imports(path)] == []


def imported_modules(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module), node.lineno


def is_database(module: str) -> bool:
    return module.startswith("ductile.store.sqlite") or module in {"sqlite3", "aiosqlite"}


def test_an_operation_of_the_store_knows_no_database() -> None:
    operations = sorted((PACKAGE / "store").glob("*.py"))
    assert len(operations) > 20
    found = [(path.name, line) for path in operations for name, line in imported_modules(path) if is_database(name)]
    assert found == []


def test_the_suite_of_the_store_speaks_the_contract_alone() -> None:
    suite = sorted((ROOT / "tests/conformance/store").glob("*.py"))
    assert len(suite) > 10
    inner = [
        (path.name, name)
        for path in suite
        for name, _ in imported_modules(path)
        if is_database(name) or (name.startswith("ductile.store") and name not in STORE_CONTRACT)
    ]
    assert inner == []


def test_only_the_tests_of_a_database_stand_beside_the_suite_of_the_store() -> None:
    folder = ROOT / "tests/unit/store"
    assert {path.name for path in folder.glob("*.py")} == {"conftest.py"}
    assert {path.name for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"} == {
        "sqlite",
        "installation",
    }


def test_an_import_of_a_store_operation_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    module = tmp_path / "submit.py"
    module.write_text(
        "from ductile.store import settle\nfrom ductile.store.sqlite.store import SqliteStore\n"
        "from ductile.store.contract import Store\nimport ductile.store.cancel\n"
    )
    assert wrong_store_imports(module) == [
        "submit.py: ductile.store.settle",
        "submit.py: ductile.store.sqlite.store",
        "submit.py: ductile.store.cancel",
    ]


def test_every_part_has_a_rank() -> None:
    assert {part(path) for path in MODULES} - {"__init__"} == set(RANK)


def test_a_file_imports_only_from_lower_ranks() -> None:
    assert [wrong for path in MODULES if part(path) != "__init__" for wrong in wrong_imports(path)] == []


def test_an_import_of_a_higher_rank_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flow").mkdir()
    module = tmp_path / "flow/x.py"
    module.write_text("import json\nfrom ductile.store import errors\nfrom ductile.model.job import Job\n")
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    assert wrong_imports(module) == ["flow/x.py:2: flow (rank 1) imports store (rank 1)"]


def test_no_module_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > MAX_MODULE_LINES} == {}


def test_nothing_is_left_to_be_done() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    files = [*OWN_FILES, *(path for path in (ROOT / "scripts").iterdir() if path.is_file())]
    assert [str(path) for path in files if any(word in path.read_text() for word in words)] == []


PARTICIPLES = frozenset(
    [
        "begun",
        "bound",
        "broken",
        "built",
        "chosen",
        "done",
        "drawn",
        "forgotten",
        "found",
        "given",
        "gone",
        "heard",
        "held",
        "kept",
        "known",
        "left",
        "lost",
        "made",
        "met",
        "said",
        "seen",
        "sent",
        "shown",
        "spent",
        "spoken",
        "taken",
        "told",
        "torn",
        "understood",
        "woken",
        "worn",
        "written",
    ]
)
"""Irregular past participles; of the regular ones the ending says it."""
VERBS_IN_ED = ("eed", "embed", "shed")
"""Endings of verbs that only look like participles."""
UNITS = {"KIBIBYTE", "MEBIBYTE"}
"""Numbers that are units themselves."""
NOT_RENAMED_YET = {"config"}
"""Packages whose names do not follow the rules yet; the list only shrinks."""
EXCEPTIONS = {
    "ductile/author/ductile_plugin.py::PROTOCOL",
    "ductile/http/edge/connection.py::disconnected",
    "ductile/http/request.py::disconnected",
}
"""Names that stay: a version, and coroutines that wait for a state."""


def is_participle(name: str) -> bool:
    """Whether a function's name is a past participle and nothing else: `told`, `_compiled`."""
    word = name.strip("_")
    return word in PARTICIPLES or (word.isalpha() and word.endswith("ed") and not word.endswith(VERBS_IN_ED))


def is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(one, ast.Name) and one.id.endswith("property") for one in function.decorator_list)


def participles(path: Path) -> list[str]:
    """Functions that are named by a bare past participle."""
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return [
        f"{path.relative_to(ROOT)}::{one.name}" for one in functions if is_participle(one.name) and not is_property(one)
    ]


def is_number(value: ast.expr | None) -> bool:
    """Whether it is a number, or arithmetic of numbers."""
    if isinstance(value, ast.BinOp):
        return is_number(value.left) and is_number(value.right)
    return isinstance(value, ast.Constant) and type(value.value) in {int, float}


def numbers_without_a_unit(path: Path) -> list[str]:
    """Constants of one word that hold a number: seconds, bytes or rows of what?"""
    found = []
    for node in ast.parse(path.read_text()).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and is_number(node.value):
            found += [name for name in names if name.isupper() and "_" not in name.strip("_") and name not in UNITS]
    return [f"{path.relative_to(ROOT)}::{name}" for name in found]


def unclear_names(path: Path) -> list[str]:
    return [*participles(path), *numbers_without_a_unit(path)]


def test_functions_have_verbs_and_numbers_have_units() -> None:
    found = {name for path in MODULES if part(path) not in NOT_RENAMED_YET for name in unclear_names(path)}
    assert found - EXCEPTIONS == set()


def test_the_exceptions_of_names_are_needed() -> None:
    found: dict[str, list[str]] = {}
    for path in MODULES:
        if names := unclear_names(path):
            found.setdefault(part(path), []).extend(names)
    assert NOT_RENAMED_YET - set(found) == set()
    assert EXCEPTIONS - {name for names in found.values() for name in names} == set()


def test_an_unclear_name_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "x.py"
    module.write_text(
        "EVERY = 2 * 60.0\nEVERY_SECONDS = 60\nKINDS = ('a',)\n_MOST: int = 3\n"
        "def _told(): ...\ndef embed(): ...\ndef tell(): ...\n"
        "class A:\n    async def reloaded(self): ...\n    @property\n    def closed(self): ...\n"
    )
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    assert unclear_names(module) == ["x.py::_told", "x.py::reloaded", "x.py::EVERY", "x.py::_MOST"]
