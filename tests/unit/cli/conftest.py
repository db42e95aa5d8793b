"""Fixtures of the command line's tests."""

import pytest
from support.cli import FakeGateway


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    fake = FakeGateway()
    fake.answers["jobs"] = {"jobs": [], "total": 0, "cursor": None}
    monkeypatch.setattr("ductile.cli.core.gateway.target.Client", fake)
    monkeypatch.setenv("DUCTILE_URL", "http://gateway.example:1")
    monkeypatch.delenv("DUCTILE_TOKEN", raising=False)
    monkeypatch.delenv("DUCTILE_CONFIG_DIR", raising=False)
    return fake
