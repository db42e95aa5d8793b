"""What the benchmark makes of its figures. How fast anything is, no test asks."""

import json
import re
import signal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from bench import machine, page, place, run, table
from bench.client import whole
from bench.measure import Budget, Row, line, number, percentile, spread

VOID = {"meta", "line", "rect", "br"}


def header() -> dict[str, Any]:
    return {
        "date": "2026-01-02 03:04 UTC",
        "cpu": "Some <Processor>",
        "cores": 2,
        "kernel": "Linux 6",
        "python": "3.11.7",
        "sqlite": "3.40.1",
        "commit": "WAL, synchronous=FULL: fsync at every commit",
        "filesystem": "ext4",
        "fsync_ms": 0.25,
        "load": 0.1,
        "rounds": 3,
        "quick": False,
    }


def results() -> dict[str, Any]:
    rate = Row(what="jobs | at <once>", unit="/s", bound="a bare loop", budget=Budget(ratio_least=0.5))
    for figure, bound in ((400.0, 1000.0), (500.0, 1000.0), (1200.0, 2000.0)):
        rate.add(figure, bound)
    none = Row(what="dropped requests", unit="", budget=Budget(most=0), note="of all").add(0)
    plain = Row(what="start", unit="ms", budget=Budget(most=10)).add(12.5)
    found = [("spawn", rate), ("reload", none), ("start", plain)]
    return {"header": header(), "rows": [row.document(name, quick=False) for name, row in found]}


def test_a_ratio_is_the_median_of_pairs_of_the_same_round() -> None:
    row = results()["rows"][0]
    assert (row["figure"], row["bound"], row["ratio"], row["ratios"]) == (500, 1000, 0.5, [0.4, 0.6])
    assert row["spread"] == pytest.approx(1.6)
    assert row["met"] is True


def test_a_bound_that_was_taken_once_serves_every_round() -> None:
    row = Row(what="x", unit="ms").add(1, 4).add(2)
    assert row.ratios() == [0.25, 0.5]


def test_what_must_never_be_lost_is_shown_at_its_worst() -> None:
    row = Row(what="dropped", unit="", budget=Budget(most=0), worst=True).add(0).add(1).add(0)
    assert (row.document("reload", quick=False)["figure"], row.document("reload", quick=False)["met"]) == (1, False)


@pytest.mark.parametrize(
    ("budget", "figure", "ratio", "met"),
    [
        (Budget(least=5000, ratio_least=0.25), 5000, 0.25, True),
        (Budget(least=5000, ratio_least=0.25), 4999, 0.25, False),
        (Budget(least=5000, ratio_least=0.25), 5000, 0.24, False),
        (Budget(ratio_least=0.25), 5000, None, False),
        (Budget(most=2), 2, None, True),
        (Budget(most=2), 2.1, None, False),
        (Budget(ratio_most=1.25), 9, 1.3, False),
        (Budget(most=0), 0, None, True),
    ],
)
def test_a_budget_is_met_where_all_its_limits_are_kept(
    budget: Budget, figure: float, ratio: float | None, *, met: bool
) -> None:
    assert budget.met(figure, ratio) is met


def test_a_budget_says_its_limits() -> None:
    assert Budget(least=5000, ratio_least=0.25).says("/s") == "≥ 5,000 /s, ratio ≥ 0.250"
    assert Budget(most=0).says("") == "≤ 0"


def test_numbers_show_the_digits_that_count() -> None:
    assert [number(n) for n in (12345.6, 123.4, 12.34, 1.234, 0.1234, 0, 8)] == [
        *("12,346", "123", "12.3", "1.23", "0.123", "0", "8")
    ]


def test_percentiles_and_spread() -> None:
    assert (percentile(range(1, 101), 0.99), percentile([7], 0.99), spread([]), spread([2, 4])) == (100, 7, 0, 2 / 3)


def test_a_row_reads_well_on_a_terminal() -> None:
    assert line(results()["rows"][0]) == (
        "jobs | at <once>: 500 /s (spread 160%) · a bare loop: 1,000 · ratio 0.500 · ratio ≥ 0.500: met"
    )
    assert line(results()["rows"][1]) == "dropped requests: 0 (spread 0%) · ≤ 0: met · of all"


def test_results_survive_json() -> None:
    assert json.loads(json.dumps(results())) == results()


def test_the_table_has_every_row() -> None:
    text = table.markdown(results())
    assert "- Machine: Some <Processor>, 2 cores, Linux 6" in text
    cells = "500 /s | 160% | 1,000 /s: a bare loop | 0.500 (0.400 to 0.600) | ratio ≥ 0.500 | yes |"
    assert f"| jobs \\| at <once> | {cells}" in text
    assert "| dropped requests (note 1) | 0 | 0% |  |  | ≤ 0 | yes |" in text
    assert "| start | 12.5 ms | 0% |  |  | ≤ 10 ms | **no** |" in text
    assert "\nNote 1: of all." in text


def test_the_table_says_where_rows_are_from_different_days_or_short() -> None:
    found = results()
    found["rows"][0] |= {"at": "2020-01-01 00:00", "quick": True}
    assert re.search(
        r"Note: rows were taken from 2020-01-01 to .*, 1 of 3 rows are from short rounds\.", table.markdown(found)
    )


def test_the_table_is_put_between_the_marks_of_a_page(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    assert table.write(document, results())
    text = document.read_text()
    assert text.startswith(f"before\n{table.BEGIN}\n\n- Date:")
    assert text.endswith(f"\n{table.END}\nafter\n")
    assert "old" not in text
    assert not table.write(document, results())


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(f"{table.BEGIN}\n")
    with pytest.raises(ValueError, match="lacks"):
        table.write(document, results())
    assert document.read_text() == f"{table.BEGIN}\n"


def test_the_documentation_shows_the_kept_run() -> None:
    found = json.loads(run.LAST.read_text())
    assert f"{table.BEGIN}\n\n{table.markdown(found)}\n{table.END}" in run.DOCUMENT.read_text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing() -> None:
    text = page.page(results())
    reader = _Reader()
    reader.feed(text)
    assert reader.open == []
    tags = [tag for tag, _ in reader.seen]
    assert tags.count("svg") == 2, "a chart for each scenario and unit; what has no unit has none"
    assert not {"script", "link", "img", "iframe"} & set(tags)
    assert not [attrs for _, attrs in reader.seen if {"src", "href"} & attrs.keys()]
    assert "url(" not in text
    assert "://" not in text
    assert "Some &lt;Processor&gt;" in text
    assert "jobs | at &lt;once&gt;" in text


def test_bars_stand_inside_of_their_chart() -> None:
    reader = _Reader()
    reader.feed(page.page(results()))
    for tag, attrs in reader.seen:
        if tag == "rect":
            assert 0 <= float(attrs["x"] or 0) + float(attrs["width"] or 0) <= page.WIDTH


def test_rows_of_scenarios_that_were_not_run_are_kept_in_order() -> None:
    old = results()["rows"]
    fresh = [{**old[0], "what": "new"}]
    kept = [*old, {**old[0], "scenario": "gone"}]
    assert [row["what"] for row in run.merged(fresh, kept, {"spawn"})] == ["new", "dropped requests", "start"]


def test_a_scenario_that_fails_is_told_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_settings: place.Settings) -> Any:
        yield Row(what="half", unit="ms").add(1)
        raise RuntimeError

    monkeypatch.setattr(run, "SCENARIOS", {"one": broken, "two": lambda _: iter([Row(what="two", unit="").add(2)])})
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    file = tmp_path / "run.json"
    assert run.main(["one", "two", "--quick", "--json", str(file)]) == 1
    found = json.loads(file.read_text())
    assert [(row["scenario"], row["what"], row["quick"]) for row in found["rows"]] == [
        ("one", "half", True),
        ("two", "two", True),
    ]
    assert machine.lines(found["header"])
    assert "one: FAILED" in capsys.readouterr().err


def test_an_unknown_scenario_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["ingst"]) == 2
    assert "unknown scenario ingst; there are ingest, latency" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 40),
        (b"HTTP/1.1 200 OK\r\ncontent-length:2\r\nX: y\r\n\r\nokHTTP/1.1", 45),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", None),
        (b"HTTP/1.1 200 OK\r\nContent-Le", None),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 27),
    ],
)
def test_the_client_knows_where_an_answer_ends(answer: bytes, size: int | None) -> None:
    assert whole(answer) == size
