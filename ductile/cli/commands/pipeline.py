"""`ductile pipeline`: look at pipelines, run them, and try them on paper."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ductile.cli.core import pipeline_graph
from ductile.cli.core.command import command, new_group
from ductile.cli.core.completers import Pipeline
from ductile.cli.core.errors import UsageError
from ductile.cli.core.jobs.waiting import Follow, print_job, run_job
from ductile.cli.core.json_input import read_json_argument, read_payload
from ductile.cli.core.options import DedupeKey, Payload, Priority, RunAt, read_submit_options
from ductile.cli.core.output import Column, Output

if TYPE_CHECKING:  # aiohttp and the compiler take longer to import than `--help` to run
    from ductile.client import Client
    from ductile.model.snapshot import Snapshot

app = new_group("Look at pipelines, run them, and try them on paper.")

Json = dict[str, Any]
Offline = Annotated[bool, typer.Option("--offline", help="Read the configuration folder, even where a gateway runs.")]
Detach = Annotated[
    bool, typer.Option("--detach", help="Return at once from a synchronous pipeline, too; the run goes on.")
]
As = Annotated[str, typer.Option("--as", metavar="text|mermaid|dot", help="What is drawn.")]
Answers = Annotated[
    list[str] | None,
    typer.Option(
        "--answer",
        metavar="STEP=JSON|@FILE",
        help="Go on behind this step as if it emitted an event with this payload. May be repeated.",
    ),
]


@command(app, "list", gateway=True)
def list_(out: Output) -> None:
    """List the pipelines, and what starts each."""
    pipelines = out.call_gateway(lambda client: client.pipelines())
    columns: dict[str, Column] = {
        "NAME": "pipeline",
        "TRIGGER": "trigger",
        "MODE": "execution_mode",
        "TIMEOUT": format_timeout,
    }
    out.print_rows(columns, pipelines, document={"pipelines": pipelines})


def format_timeout(row: Mapping[str, Any]) -> str | None:
    """A pipeline's own timeout."""
    limit = row.get("timeout_secs")
    return None if limit is None else f"{limit:g}s"


@command(app, gateway=True)
def show(out: Output, name: Pipeline, *, offline: Offline = False) -> None:
    """Show a pipeline: what starts it, and its steps in order."""
    document = read_definition(out, name, offline=offline)
    if not out.for_people:
        out.print_fields(document)
        return
    out.print_fields(
        {key: value for key, value in document.items() if key not in {"steps", "if"}} | condition_field(document)
    )
    out.print_lines([""])
    columns: dict[str, Column] = {
        "STEP": "step",
        "RUNS": pipeline_graph.step_target,
        "IF": step_condition,
        "WITH": step_inputs,
        "THEN": step_names("next"),
        "ELSE": step_names("bypass"),
    }
    out.print_rows(columns, document["steps"])


def step_names(key: str) -> Column:
    """A column of step names."""
    return lambda step: ", ".join(step[key])


def condition_field(document: Mapping[str, Any]) -> Json:
    """The pipeline's own condition as a sentence."""
    return {} if document["if"] is None else {"if": pipeline_graph.describe_condition(document["if"])}


def step_condition(step: Mapping[str, Any]) -> str | None:
    """A step's condition as a sentence."""
    found = step.get("if") or step.get("condition")
    return None if found is None else pipeline_graph.describe_condition(found)


def step_inputs(step: Mapping[str, Any]) -> str | None:
    """The names that a step's `with` sets."""
    return ", ".join(step["with"]) if step["with"] else None


@command(app, gateway=True, changes=True, waits=True)
def run(
    out: Output,
    name: Pipeline,
    *,
    payload: Payload = None,
    run_at: RunAt = None,
    dedupe_key: DedupeKey = None,
    priority: Priority = None,
    detach: Detach = False,
    follow: Follow = False,
) -> None:
    """Run a pipeline. A synchronous one is waited for as it says itself, unless --run-at is given; any with --wait."""
    body, options = read_payload(payload), read_submit_options(run_at, dedupe_key, priority)
    at_once = detach or out.wait or follow or run_at is not None

    def start(client: "Client") -> Any:
        return client.run_pipeline(name, body, detach=at_once, dry_run=out.dry_run, **options)

    print_job(out, run_job(out, start, follow=follow), follow=follow)


@command(app, gateway=True)
def visualize(out: Output, name: Pipeline, *, as_: As = "text", offline: Offline = False) -> None:
    """Draw a pipeline: as text, or as a Mermaid or Graphviz graph. --format json and yaml show the document."""
    draw = pipeline_graph.DRAWINGS.get(as_)
    if draw is None:
        raise UsageError(reason=f"--as must be one of {', '.join(pipeline_graph.DRAWINGS)}, not {as_!r}")
    document = read_definition(out, name, offline=offline)
    out.print_text("\n".join(draw(document)), document=document)


@command(app, "dry-run", gateway=True)
def dry_run(
    out: Output, name: Pipeline, *, payload: Payload = None, answer: Answers = None, offline: Offline = False
) -> None:
    """Say which steps a run would dispatch, with what payload, and which it would pass by. Nothing is run.

    What a plugin answers is not known before: --answer assumes an event of a step, and goes on behind it.
    """
    body, answers = read_payload(payload), read_answers(answer or [])
    plan = ask_or_read(
        out,
        lambda client: client.rehearse(name, body, answers),
        lambda snapshot: dry_run_from_config(snapshot, name, body, answers),
        offline=offline,
    )
    if not out.for_people:
        out.print_fields(plan)
        return
    if not plan["starts"]:
        out.tell(f"Note: no event with this payload would start {name}, for its own `if` does not hold.")
    columns: dict[str, Column] = {
        "STEP": "step",
        "STATUS": "status",
        "RUNS": pipeline_graph.step_target,
        "PAYLOAD": "payload",
        "AFTER": "after",
        "WHY": status_reason,
    }
    out.print_rows(columns, plan["steps"])


def read_answers(given: list[str]) -> dict[str, list[Json]]:
    """`--answer STEP=JSON`: the payloads by step. Raises UsageError."""
    answers: dict[str, list[Json]] = {}
    for one in given:
        step, equals, text = one.partition("=")
        value = read_json_argument(text, f"--answer {step}") if equals else None
        if not isinstance(value, dict):
            raise UsageError(
                reason=f"--answer takes STEP=JSON, with the payload of an event as JSON object, not {one!r}"
            )
        answers.setdefault(step, []).append(value)
    return answers


def status_reason(row: Mapping[str, Any]) -> str | None:
    """The reasons for a step's status, in one text."""
    reasons = list(status_reasons(row))
    return "; ".join(reasons) or None


def status_reasons(row: Mapping[str, Any]) -> Iterator[str]:
    """The reasons for a step's status."""
    condition = step_condition(row)
    if row["status"] == "skipped":
        values = row.get("values")
        saw = f" (saw {pipeline_graph.to_json_line(values)})" if values else ""
        yield f"if {condition}{saw}" if condition else "max_depth ends the branch"
        return
    if row.get("reason"):
        yield str(row["reason"])
    elif condition:
        yield f"if {condition}"
    yield from row.get("warnings", ())
    if row.get("then"):
        yield f"then {', '.join(one['step'] for one in row['then'])}, by what it answers"


def read_definition(out: Output, name: str, *, offline: bool) -> Json:
    """The pipeline's document."""
    return ask_or_read(
        out,
        lambda client: client.pipeline(name),
        lambda snapshot: definition_from_config(snapshot, name),
        offline=offline,
    )


def ask_or_read(out: Output, ask: Any, read: Any, *, offline: bool) -> Json:
    """The gateway's answer; that of the configuration where no gateway answers, or with --offline."""
    from ductile.cli.core.gateway import plugin_lookup  # the client and the compiler, which --help does not need

    options = {"url": out.url, "token": out.token, "config": out.config}
    if offline:
        found: Json = plugin_lookup.read_from_config(out.config, read)
    else:
        found = plugin_lookup.ask_gateway_or_config(options, ask, read, out.tell, out.tell_detail)
    return found


def definition_from_config(snapshot: "Snapshot", name: str) -> Json:
    """The document of a pipeline of the configuration, without its secrets. Raises UnknownPipeline."""
    from ductile.describe.pipeline_document import pipeline_document
    from ductile.submit import find_pipeline

    document: Json = snapshot.redactor.value(pipeline_document(find_pipeline(snapshot, name)))
    return document


def dry_run_from_config(snapshot: "Snapshot", name: str, payload: Json, answers: Mapping[str, list[Json]]) -> Json:
    """The dry run of a pipeline of the configuration. Raises UnknownPipeline, UnknownStep, TooManySteps."""
    from ductile.dry_run import dry_run_pipeline
    from ductile.submit import find_pipeline

    document: Json = snapshot.redactor.value(
        dry_run_pipeline(snapshot, find_pipeline(snapshot, name), payload, answers)
    )
    return document
