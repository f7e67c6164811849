"""Test which peers are found."""

import seqfuse as sf
from seqfuse.bench import peers


def test_versions_omit_missing_peers(monkeypatch):
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: None)
    assert peers.versions(peers.PEERS) == {"seqfuse": sf.__version__}
