"""What ships beside the code: bundled plugins are documented and sound, and the example configuration is too."""

import ast
import re
import shutil
from pathlib import Path

import pytest
import yaml

from ductile.cli.core.config_report import check_config

ROOT = Path(__file__).parents[2]
DISABLED = ("folder_watch", "node-greet", "notify", "stress", "sys_exec")
"""What the example configuration names and leaves off: it needs settings or programs, or could do harm."""
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/manifest.yaml"))

COMMENTED = re.compile(r"^(\s+)# (max_workers: |- name: reader|  token: |  scopes: )", re.MULTILINE)


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example configuration, as the first start leaves it; the path of its config.yaml."""
    for folder in ("config", "pipelines", "plugins"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("data", ".env", "__pycache__"))
    (tmp_path / "config/.env").write_text("DUCTILE_ADMIN_TOKEN=0123456789abcdef0123456789abcdef\n")
    return tmp_path / "config/config.yaml"


def test_the_example_configuration_has_no_problem_and_uses_every_bundled_plugin(example: Path) -> None:
    found = check_config(example, {})
    assert found["lines"] == []
    assert {*found["plugins"], *DISABLED} == {"alerts", "inbox", *(path.name for path in PLUGINS)}
    names = ["failure-alert", "fetch-digest", "fetch-failed", "inbox-report", "text-stats", "triage", "urgent-note"]
    assert found["pipelines"] == names


def test_the_settings_that_are_commented_out_work_as_well(example: Path) -> None:
    for path in example.parent.glob("*.yaml"):
        path.write_text(COMMENTED.sub(r"\1\2", path.read_text()))
    found = check_config(example, {"DUCTILE_READER_TOKEN": "fedcba9876543210fedcba9876543210"})
    assert found["lines"] == []


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_each_bundled_plugin_is_tested_and_its_readme_names_all_it_has(folder: Path) -> None:
    manifest = yaml.safe_load((folder / "manifest.yaml").read_text())
    readme = (folder / "README.md").read_text()
    assert manifest["name"] == folder.name
    assert list(folder.glob("test_*.py"))
    names = [command["name"] for command in manifest["commands"]]
    names += [key for keys in manifest["config_keys"].values() for key in keys]
    assert [name for name in names if f"| `{name}` |" not in readme] == []
    assert all(command["description"] and command["type"] for command in manifest["commands"])
    assert folder.joinpath(manifest["entrypoint"]).stat().st_mode & 0o111


CODE = sorted(path for path in ROOT.glob("plugins/*/*.py") if not path.name.startswith("test_"))


@pytest.mark.parametrize("path", CODE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_bundled_plugins_ask_for_nothing_that_python_3_10_lacks(path: Path) -> None:
    """They run under the `python3` of the PATH, which may be older than the gateway's."""
    tree = ast.parse(path.read_text(), feature_version=(3, 10))
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported & {"datetime.UTC", "tomllib", "enum.StrEnum", "typing.Self", "contextlib.chdir"} == set()
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert attributes & {"UTC", "file_digest", "add_note", "TaskGroup"} == set()
