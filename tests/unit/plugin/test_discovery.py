from pathlib import Path

from ductile.plugin.discovery import Discovery, discover_plugins


def plugin(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text("name: x\n")
    return folder


def names(discovery: Discovery) -> list[str]:
    return [str(found.folder.relative_to(found.root)) for found in discovery.found]


def test_plugins_are_found_at_any_depth_in_name_order(tmp_path: Path) -> None:
    for name in ("b", "a/deep/er", "a/x", "c"):
        plugin(tmp_path / name)
    assert names(discover_plugins([tmp_path], allow_symlinks=False)) == ["a/deep/er", "a/x", "b", "c"]


def test_nothing_is_found_below_a_manifest(tmp_path: Path) -> None:
    plugin(tmp_path / "a")
    plugin(tmp_path / "a" / "inner")
    assert names(discover_plugins([tmp_path], allow_symlinks=False)) == ["a"]


def test_hidden_folders_are_skipped(tmp_path: Path) -> None:
    plugin(tmp_path / ".git" / "a")
    assert names(discover_plugins([tmp_path], allow_symlinks=False)) == []


def test_a_root_may_be_a_plugin_itself(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text("name: x\n")
    assert names(discover_plugins([tmp_path], allow_symlinks=False)) == ["."]


def test_roots_are_looked_through_in_order_and_each_folder_once(tmp_path: Path) -> None:
    plugin(tmp_path / "two" / "b")
    plugin(tmp_path / "one" / "a")
    roots = [tmp_path / "two", tmp_path / "one", tmp_path / "two", tmp_path]
    found = discover_plugins(roots, allow_symlinks=False).found
    assert [entry.folder.name for entry in found] == ["b", "a"]


def test_a_root_that_is_no_folder_is_a_problem_at_its_entry(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    problems = discover_plugins([tmp_path, tmp_path / "no", tmp_path / "file"], allow_symlinks=False).problems
    assert [(problem.path, problem.severity) for problem in problems] == [
        (("plugin_roots", 1), "error"),
        (("plugin_roots", 2), "error"),
    ]
    assert "does not exist" in problems[0].message
    assert "is no folder" in problems[1].message


def test_a_linked_folder_is_left_out_with_a_warning_unless_links_are_allowed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    plugin(root / "z" / "a")
    (root / "link").symlink_to(root / "z" / "a")
    refused = discover_plugins([root], allow_symlinks=False)
    assert names(refused) == ["z/a"]
    assert [problem.severity for problem in refused.problems] == ["warning"]
    assert "`service.allow_symlinks` does not allow" in refused.problems[0].message
    assert names(discover_plugins([root], allow_symlinks=True)) == ["link"]


def test_a_link_out_of_the_roots_is_never_followed(tmp_path: Path) -> None:
    plugin(tmp_path / "elsewhere")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere")
    discovery = discover_plugins([tmp_path / "root"], allow_symlinks=True)
    assert names(discovery) == []
    assert "leads out of the plugin roots" in discovery.problems[0].message


def test_a_link_into_another_root_is_followed(tmp_path: Path) -> None:
    plugin(tmp_path / "other" / "a")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "other" / "a")
    assert names(discover_plugins([tmp_path / "root", tmp_path / "other"], allow_symlinks=True)) == ["link"]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    plugin(tmp_path / "a" / "plugin")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    discovery = discover_plugins([tmp_path], allow_symlinks=True)
    assert names(discovery) == ["a/plugin"]
    assert discovery.problems == ()


def test_a_root_may_be_a_link(tmp_path: Path) -> None:
    plugin(tmp_path / "real" / "a")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert names(discover_plugins([tmp_path / "root"], allow_symlinks=False)) == ["a"]
