"""A path is as safe as the weakest folder, link and owner on the way to it."""

import os
from pathlib import Path

import pytest

from ductile.plugin.trusted_path import Untrusted, check_way, gateway_owners

STRANGER = 4711
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    folder = tmp_path / "srv/plugins/hello"
    folder.mkdir(parents=True)
    return folder


def reason(path: Path, owners: frozenset[int] | None = None) -> str:
    with pytest.raises(Untrusted) as caught:
        check_way(str(path), gateway_owners() if owners is None else owners)
    return str(caught.value)


def test_a_way_that_only_we_can_change_is_trusted(deep: Path) -> None:
    check_way(str(deep), gateway_owners())
    check_way("/", gateway_owners())
    deep.chmod(0o775)
    check_way(str(deep), gateway_owners())


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o702])
def test_a_folder_above_that_everybody_may_write_is_not(deep: Path, mode: int) -> None:
    weak = deep.parents[1]
    weak.chmod(mode)
    assert reason(deep) == (
        f"everybody may write {weak} on the way to {deep} (mode {mode:04o}); run `chmod o-w {weak}`"
    )


def test_the_sticky_bit_excuses_a_folder_above_and_not_the_path_itself(deep: Path) -> None:
    deep.parent.chmod(0o1777)
    check_way(str(deep), gateway_owners())
    assert "(mode 1777)" in reason(deep.parent)


def test_the_folder_of_a_link_counts_as_well_as_where_it_leads(deep: Path, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "link").symlink_to("../srv/plugins")
    check_way(str(shelf / "link/hello"), gateway_owners())
    shelf.chmod(0o777)
    assert str(shelf) in reason(shelf / "link/hello")
    shelf.chmod(0o755)
    deep.parents[1].chmod(0o777)
    assert str(deep.parents[1]) in reason(shelf / "link/hello")


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert "too many symbolic links" in reason(tmp_path / "a")


@as_root
def test_what_belongs_to_another_user_is_not_trusted(deep: Path) -> None:
    os.chown(deep.parent, STRANGER, -1)
    assert f"{deep.parent} on the way to {deep} belongs to the user 4711 (uid 4711), who can change what" in reason(
        deep
    )
    check_way(str(deep), gateway_owners() | {STRANGER})


@as_root
def test_a_link_of_another_user_in_a_sticky_folder_is_not_trusted(deep: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    link = shared / "plugins"
    link.symlink_to(deep.parent)
    check_way(str(link / "hello"), gateway_owners())
    os.chown(link, STRANGER, -1, follow_symlinks=False)
    assert f"`chown -h root {link}`" in reason(link / "hello")
