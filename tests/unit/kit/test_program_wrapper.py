"""What `ductile plugin wrap` makes of a program."""

import re
from pathlib import Path

import pytest

from ductile.document.read import read_text
from ductile.kit.errors import CannotWrap
from ductile.kit.plugin_folder import make_folder
from ductile.kit.program_wrapper import Wrapping, find_program, plugin_name_of, wrapper_files
from ductile.plugin.manifest_parser import parse_manifest


def test_a_wrapped_program_has_a_manifest_of_five_lines_and_is_run_where_it_is(tmp_path: Path) -> None:
    files = wrapper_files(Path("/opt/my tools/back up"), Wrapping(name="backup"))
    text = files["manifest.yaml"].text
    assert [line.split(":")[0] for line in text.splitlines() if line and not line.startswith("#")] == [
        "manifest_spec",
        "manifest_version",
        "name",
        "entrypoint",
        "output",
    ]
    assert files["run.sh"].text == "#!/bin/sh\nexec '/opt/my tools/back up' \"$@\"\n"
    folder = make_folder("backup", tmp_path, files)
    assert (folder / "run.sh").stat().st_mode & 0o111


def test_its_command_arguments_and_exit_codes_are_written_down() -> None:
    wrapping = Wrapping(name="disk", args=("-w", 'a "b"', "{payload.x}"), command="check", type="read", nagios=True)
    found, problems = parse_manifest(
        read_text(wrapper_files(Path("/bin/df"), wrapping)["manifest.yaml"].text, file="m")
    )
    assert problems == ()
    assert found is not None
    check = found.commands["check"]
    assert check.program is not None
    assert (check.type, [group.arguments[0][0] for group in check.program.groups[:2]]) == ("read", ["-w", 'a "b"'])
    assert {code: one.name for code, one in check.program.exit_codes.items()} == {
        1: "warning",
        2: "critical",
        3: "unknown",
    }


@pytest.mark.parametrize(
    ("path", "name"), [("/a/check_disk.sh", "check_disk"), ("/a/Back Up", "back-up"), ("/a/[", ""), ("/a/x2.tar", "x2")]
)
def test_a_plugin_is_named_after_its_program(path: str, name: str) -> None:
    assert plugin_name_of(Path(path)) == name


def test_a_template_that_is_wrong_is_refused() -> None:
    with pytest.raises(CannotWrap, match="a value may not name an option"):
        wrapper_files(Path("/bin/df"), Wrapping(name="df", args=("--{payload.x}",)))


def test_what_cannot_be_run_or_could_be_changed_by_others_is_not_wrapped(tmp_path: Path) -> None:
    program = tmp_path / "program"
    for prepare, says in (
        (lambda: None, "it does not exist"),
        (lambda: program.write_text("#!/bin/sh\n"), "it is not executable; run `chmod +x "),
        (lambda: program.chmod(0o777), "everybody may write"),
    ):
        prepare()
        with pytest.raises(CannotWrap, match=re.escape(says)):
            find_program(str(program))
    program.chmod(0o755)
    assert find_program(str(program)) == program
    with pytest.raises(CannotWrap, match="it is not on the PATH"):
        find_program("no-such-program-at-all")
    assert find_program("sh").name == "sh"
