"""The libraries beside which the benchmark runs."""

import seqfuse as sf
from seqfuse.bench import peers


def test_versions_leave_out_what_is_missing(monkeypatch):
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: None)
    assert peers.versions(peers.PEERS) == {"seqfuse": sf.__version__}
