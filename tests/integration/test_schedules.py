"""Schedules, against a real gateway."""

from pathlib import Path

from support.gateway import Gateway
from support.scripted_plugins import ScriptedPlugins, raw_event


def test_a_schedule_makes_one_job_a_due_time_that_routes_what_it_emits(gateway: Gateway) -> None:
    cast = ScriptedPlugins(gateway)
    cast.add(
        "clock",
        events=[raw_event("tick.made")],
        settings={"schedules": [{"id": "fast", "every": "1s", "payload": {"n": 1}}]},
    )
    cast.add("b")
    cast.start({"name": "line", "on": "tick.made", "steps": [{"uses": "b"}]})
    request = gateway.until(lambda: cast.requests("clock"))[0]
    assert (request["command"], request["payload"]) == ("poll", {"n": 1})
    gateway.until(lambda: cast.requests("b"))
    job = gateway.jobs(plugin="clock")[-1]
    document = gateway.get(f"/job/{job['job_id']}")
    assert (document["submitted_by"], document["principal"]) == ("schedule", "schedule:clock/fast")


def test_a_due_time_is_skipped_while_the_last_job_is_outstanding(gateway: Gateway, tmp_path: Path) -> None:
    cast = ScriptedPlugins(gateway)
    gate = tmp_path / "open"
    cast.add("slow", wait_for=str(gate), settings={"schedules": [{"every": "1s"}]})
    cast.add("clock", settings={"schedules": [{"every": "1s"}]})
    cast.start()
    gateway.until(lambda: len(cast.requests("clock")) >= 3)
    assert len(gateway.jobs(plugin="slow")) == 1
    gate.touch()
    gateway.until(lambda: len(cast.requests("slow")) >= 2)


def test_due_times_stand_in_the_store_over_a_restart(gateway: Gateway) -> None:
    cast = ScriptedPlugins(gateway)
    cast.add("clock", settings={"schedules": [{"every": "2s"}]})
    cast.start()
    gateway.kill()
    gateway.start()
    gateway.kill()
    gateway.start()
    gateway.until(lambda: cast.requests("clock"), within=10)


def test_a_reload_takes_a_schedule_away_and_a_shorter_interval_counts_at_once(gateway: Gateway) -> None:
    cast = ScriptedPlugins(gateway)
    cast.add("clock", settings={"schedules": [{"every": "1d"}]})
    cast.start()
    gateway.config["plugins"]["clock"]["schedules"] = [{"every": "1s"}]
    gateway.configure()
    gateway.post("/system/reload")
    gateway.until(lambda: cast.requests("clock"))
    del gateway.config["plugins"]["clock"]["schedules"]
    gateway.configure()
    gateway.post("/system/reload")
    gateway.idle()
    count = len(gateway.jobs(plugin="clock"))
    cast.add("metronome", settings={"schedules": [{"every": "1s"}]})
    gateway.config["plugins"].update(cast._settings)  # noqa: SLF001
    gateway.config["plugins"]["clock"].pop("schedules", None)
    gateway.configure()
    gateway.post("/system/reload")
    gateway.until(lambda: len(cast.requests("metronome")) >= 2)
    assert len(gateway.jobs(plugin="clock")) == count
