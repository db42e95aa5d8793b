"""`ductile plugin new`, `test` and `dev`: the work of a plugin's author, which needs no gateway."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ductile.cli.core.command import command, new_group
from ductile.cli.core.completers import complete_languages
from ductile.cli.core.errors import UsageError
from ductile.cli.core.exit_code import ExitCode
from ductile.cli.core.json_input import read_json_object, read_payload
from ductile.cli.core.local_run import run_to_end
from ductile.cli.core.options import Payload
from ductile.cli.core.output import Output, check_output_path, save_output
from ductile.cli.core.plugin_arguments import read_duration, read_pairs, read_plugin_config

app = new_group("Make, test and watch a plugin of your own.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The plugin's folder.", show_default=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--config", metavar="KEY=VALUE|JSON", help="Configuration for the plugin: one key, or an object. Repeatable."
    ),
]
Variables = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME=VALUE", help="A variable for the plugin, as `env` gives it. Repeatable."),
]
Limit = Annotated[
    str | None, typer.Option("--timeout", metavar="DURATION", help="The longest a run may take, such as 30s.")
]
State = Annotated[
    str | None, typer.Option("--state", metavar="JSON|@FILE|-", help="What the plugin remembers from earlier runs.")
]


@command(app, changes=True)
def new(
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    *,
    lang: Annotated[
        str,
        typer.Option(
            "--lang",
            metavar="python|node|bash|go|rust",
            help="What it is written in.",
            autocompletion=complete_languages,
        ),
    ],
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where its folder is made, such as a plugin root.")
    ] = Path(),
    persistent: Annotated[
        bool,
        typer.Option("--persistent", help="Let its workers stay up (python, node): the author library comes with it."),
    ] = False,
    small: Annotated[
        bool, typer.Option("--small", help="Make only a short manifest and a program of about ten lines.")
    ] = False,
    build: Annotated[bool, typer.Option(help="Build a Go or Rust plugin at once.")] = True,
) -> None:
    """Make a working plugin: manifest, code, README, tests and a schema for the editor; or, with --small, the least."""
    from ductile.kit import build as builder
    from ductile.kit.plugin_folder import check_new_folder, check_plugin_name, make_folder, missing_programs
    from ductile.kit.template import TOOLCHAINS, Language, plugin_files
    from ductile.plugin.trust import BUILD_SCRIPT

    if lang not in tuple(Language):
        raise UsageError(reason=f"--lang must be one of {', '.join(Language)}, not {lang!r}")
    language = Language(lang)
    check_plugin_name(name)
    if persistent and TOOLCHAINS[language].library is None:
        languages = " and ".join(one for one, toolchain in TOOLCHAINS.items() if toolchain.library is not None)
        raise UsageError(
            reason=f"--persistent needs an author library, which there is for {languages}, not for {language}"
        )
    files = plugin_files(name, language, persistent=persistent, small=small)
    folder = check_new_folder(name, directory) if out.dry_run else make_folder(name, directory, files)
    missing = missing_programs(language, small=small)
    out.print_fields({"plugin": name, "folder": str(folder), "files": list(files), "missing": list(missing) or None})
    if out.dry_run:
        return
    if missing:
        needed = f"needs {', '.join(missing)}, which the PATH lacks: install it"
        out.tell(
            f"{name} {needed}, then run {folder / BUILD_SCRIPT}."
            if TOOLCHAINS[language].builds
            else f"{name} {needed}."
        )
    elif TOOLCHAINS[language].builds and build:
        out.tell(f"Building it: {folder / BUILD_SCRIPT}")
        run_to_end(builder.build_plugin(folder))
    elif TOOLCHAINS[language].builds:
        out.tell(f"Build it: {folder / BUILD_SCRIPT}")
    out.tell(f"Test it: ductile plugin test {folder}")


@command(app, "test")
def conform(
    out: Output,
    folder: Folder,
    *,
    junit: Annotated[
        str | None, typer.Option("--junit", metavar="FILE", help="Also write the report as JUnit XML.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="CASE", help="Only this case, such as state or state[poll]. Repeatable."),
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", metavar="COMMAND", help="Do not run this command. Repeatable.")
    ] = None,
    read_only: Annotated[
        bool,
        typer.Option("--read-only", help="Do not run commands of `type: write`. Else all run, in a scratch folder."),
    ] = False,
    payload: Annotated[
        list[str] | None,
        typer.Option(
            "--payload", metavar="COMMAND=JSON", help="Ask a command with this payload (or =@FILE). Repeatable."
        ),
    ] = None,
    config: Settings = None,
    env: Variables = None,
    build: Annotated[bool, typer.Option(help="Run the plugin's `build.sh` first, if it has one.")] = True,
    timeout: Limit = None,
    grace: Annotated[
        str | None, typer.Option("--grace", metavar="DURATION", help="From SIGTERM to SIGKILL; 5s when not given.")
    ] = None,
    at_once: Annotated[
        int, typer.Option("--at-once", metavar="N", min=2, max=64, help="So many run together where that is tested.")
    ] = 4,
) -> None:
    """Test a plugin against every rule of the protocol; exits with 1 if one is broken.

    Every command is run, also those that write, in a scratch folder that is working directory, HOME and TMPDIR, and
    with few variables. `tests/kit.yaml` says what all runs need (config, env, files) and what is skipped;
    `tests/*.json` are requests with what must come back, and `examples` in an input_schema are payloads that work.
    """
    from ductile.kit import conformance, text_report
    from ductile.kit.junit_report import junit_xml as as_junit
    from ductile.kit.single_run import KILL_GRACE
    from ductile.model.clock import system_clock

    target = None if junit is None else check_output_path(junit)
    options = conformance.Options(
        only=frozenset(only or ()),
        skip=dict.fromkeys(skip or (), "--skip was given"),
        read_only=read_only,
        payloads={
            name: read_json_object(text, f"--payload {name}=…")
            for name, text in read_pairs(payload, "--payload", "COMMAND=JSON")
        },
        config=read_plugin_config(config),
        env=dict(read_pairs(env, "--env", "NAME=VALUE")),
        timeout=read_duration("--timeout", timeout) or conformance.DEFAULT_TIMEOUT,
        kill_grace=read_duration("--grace", grace) or KILL_GRACE,
        at_once=at_once,
        build=build,
    )
    report = run_to_end(conformance.examine_plugin(folder, options))
    if target is not None:
        save_output(target, as_junit(report, system_clock()).decode())
    text = "\n".join(text_report.report_lines(report, all_skips=out.verbose))
    out.print_text(text, document=text_report.report_document(report))
    if not report.ok:
        raise typer.Exit(ExitCode.FAILED)


@command(app)
def dev(
    out: Output,
    folder: Folder,
    name: Annotated[str | None, typer.Argument(metavar="COMMAND", show_default=False)] = None,
    *,
    payload: Payload = None,
    config: Settings = None,
    env: Variables = None,
    state: State = None,
    timeout: Limit = None,
    once: Annotated[bool, typer.Option("--once", help="Run it once and exit: with 1 if it fails.")] = False,
) -> None:
    """Run a command of a plugin at each save, and show request, response, stderr and timing; Ctrl-C ends it.

    Without a COMMAND it is `health`, or the first of the manifest; without a payload the first that `plugin test` would
    send. A `build.sh` runs first. Each run starts in a scratch folder, with what `tests/kit.yaml` says; state is kept
    from run to run, as the gateway does.
    """
    from ductile.kit import dev_loop as development
    from ductile.kit.single_run import RunInput

    run_input = RunInput(
        payload=None if payload is None else read_payload(payload),
        config=read_plugin_config(config),
        state=read_json_object(state, "--state"),
        env=dict(read_pairs(env, "--env", "NAME=VALUE")),
        timeout=read_duration("--timeout", timeout),
    )
    show = _RoundPrinter(out)
    if not once:
        out.tell(f"Watching {folder}; Ctrl-C ends it.")
    work = (
        development.run_one_round(folder, name, run_input, show)
        if once
        else development.run_at_changes(folder, name, run_input, show)
    )
    if not run_to_end(work):
        raise typer.Exit(ExitCode.FAILED)


class _RoundPrinter:
    """Prints each round as it ends."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def __call__(self, document: dict[str, Any], text: str) -> None:
        self._out.print_item(document, text)
