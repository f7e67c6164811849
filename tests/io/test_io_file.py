"""Tests of files: damaged, malicious and foreign files are refused, and files are written completely or not at all."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import save_file
from saved_models import MODELS, inputs_and_targets, same_bits

import seqfuse as sf
from seqfuse._io import file
from seqfuse.models import load_model

MOST = 8 << 20  # bytes that reading a file of some kilobytes may allocate


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return a model, its file, and the content of the file."""
    sf.utils.set_random_seed(2)
    model = MODELS["functional"]()
    model.fit(*inputs_and_targets("functional"), 6, verbose=0)
    path = tmp_path_factory.mktemp("saved") / "model"
    model.save(path)
    with file.opened("test", path) as stored:
        return model, path, stored.content, stored.read()


def refused(path, load, reason=""):
    """Return the error of loading a file. It names the file and is raised before a large allocation."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"^load_\w+: {path} must be a file saved by seqfuse; .+") as caught:
            load(path)
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()
    assert reason in str(caught.value)
    return str(caught.value)


def damaged(kind, raw, rng):
    """Return the bytes of a file with one kind of damage."""
    if kind == "truncated":
        return raw[: rng.integers(len(raw))]
    if kind == "flipped":
        at = int(rng.integers(len(raw)))
        return raw[:at] + bytes([raw[at] ^ (1 << int(rng.integers(8)))]) + raw[at + 1 :]
    if kind == "flipped in the numbers":
        at = int(rng.integers(8 + int.from_bytes(raw[:8], "little"), len(raw)))
        return raw[:at] + bytes([raw[at] ^ (1 << int(rng.integers(8)))]) + raw[at + 1 :]
    if kind == "huge header":
        header = int(rng.integers(len(raw), 2 ** int(rng.integers(20, 63))))
        return header.to_bytes(8, "little") + raw[8:]
    if kind == "longer":
        return raw + rng.bytes(int(rng.integers(1, 100)))
    if kind == "zeros":
        start, n = (int(v) for v in rng.integers(0, len(raw), 2))
        return raw[:start] + bytes(min(n, len(raw) - start)) + raw[start + n :]
    return rng.bytes(int(rng.integers(0, 500)))


KINDS = {
    "truncated": 50,
    "flipped": 60,
    "flipped in the numbers": 30,
    "huge header": 25,
    "longer": 10,
    "zeros": 15,
    "random": 10,
}


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_refused(kind, saved, tmp_path):
    model, path, _, _ = saved
    raw, before = path.read_bytes(), model.get_weights()
    rng = np.random.default_rng(len(kind))
    for i in range(KINDS[kind]):
        bad = tmp_path / f"bad{i}"
        bytes_now = damaged(kind, raw, rng)
        if bytes_now == raw:
            continue
        bad.write_bytes(bytes_now)
        refused(bad, load_model)
        refused(bad, model.load_weights)
    assert same_bits(before, model.get_weights())


def changed(content, tensors, rng):
    """Return the content with one tensor changed in shape or dtype, removed or added, and a valid checksum."""
    tensors = dict(tensors)
    name = sorted(tensors)[int(rng.integers(len(tensors)))]
    way = int(rng.integers(5))
    if way == 0:
        del tensors[name]
    elif way == 1:
        tensors[name] = tensors[name].astype(np.float64)
    elif way == 2:
        tensors[name] = tensors[name][..., None]
    elif way == 3:
        tensors[name] = np.concatenate([tensors[name], tensors[name]])
    else:
        tensors[f"{name}x"] = tensors[name]
    return content, tensors


def test_wrong_shapes_are_refused(saved, tmp_path):
    _, _, content, tensors = saved
    rng = np.random.default_rng(0)
    for i in range(40):
        path = tmp_path / f"bad{i}"
        file.write("test", path, *changed(content, tensors, rng))
        refused(path, load_model)


def test_shapes_are_refused_before_numbers_are_read(saved, tmp_path, monkeypatch):
    _, _, content, tensors = saved
    monkeypatch.setattr(file.Stored, "read", lambda self: pytest.fail("it was read"))
    file.write("test", tmp_path / "bad", content, {**tensors, "weights/more": np.zeros(3)})
    refused(tmp_path / "bad", load_model, "weights/more does not belong to its structure")


def tag(name, config):
    return {"class_name": name, "config": config}


def dense(units, **more):
    return tag("layers.Dense", {"name": "dense", "units": units, **more})


def chain(*layers):
    start = tag("layers.InputLayer", {"name": "x", "shape": [2]})
    return tag("models.Sequential", {"name": "chain", "trainable": True, "layers": [start, *layers]})


def twice(inside, levels):
    """Return a model that calls a model twice, which calls a model twice, and so on: 2**levels calls."""
    for _ in range(levels):
        parts = {"name": "m", "trainable": True, "inputs": [0], "outputs": [2], "input_names": None}
        parts |= {"output_names": None, "calls": [[1, {}, [0], False], [1, {}, [1], False]]}
        inside = tag(
            "models.Model", parts | {"layers": [tag("layers.InputLayer", {"name": "x", "shape": [2]}), inside]}
        )
    return inside


def deep(levels):
    value = 0
    for _ in range(levels):
        value = [value]
    return value


def graph(**changes):
    parts = {"name": "m", "trainable": True, "inputs": [0], "outputs": [1], "input_names": None, "output_names": None}
    layers = [tag("layers.InputLayer", {"name": "x", "shape": [2]}), dense(2)]
    return tag("models.Model", parts | {"layers": layers, "calls": [[1, {}, [0], False]]} | changes)


HOSTILE = {
    "units that no memory holds": (chain(dense(2**40)), "weights"),
    "units that no address has": (chain(dense(2**62)), ""),
    "units that are text": (chain(dense("9" * 100)), "units must be an integer"),
    "an argument that there is not": (chain(dense(2, shell="rm")), "no argument 'shell'"),
    "a module of the system": (tag("os.system", "true"), "there is no 'os.system' in seqfuse"),
    "a class that is no part": (tag("builtins.eval", {}), "there is no 'builtins.eval'"),
    "a private name": (tag("layers.layer._computed_in", {}), "there is no"),
    "a function as a class": (tag("losses.huber", {}), "must be a class"),
    "a class name that is a list": (tag([1], {}), "class_name must be a string"),
    "an optimizer as a model": (tag("optimizers.Adam", {}), ""),
    "a number as a model": (3, ""),
    "nothing": (None, ""),
    "layers that are numbers": (chain(3), "layers must be a list of layers"),
    "a layer before it was complete": (chain(tag("shared", 5)), "a number must be in 0.."),
    "many brackets": (deep(200), "brackets may be nested"),
    "more brackets than Python's stack": (deep(900), "brackets may be nested"),
    "two calls of two calls of two": (twice(dense(2), 20), "at most 4000 calls"),
    "many layers": (chain(*[dense(2, name=str(i)) for i in range(4_001)]), "at most 4000 calls"),
    "a place before it is written": (graph(calls=[[1, {}, [1], False]]), "a number must be in 0..0; got 1"),
    "a place below 0": (graph(calls=[[1, {}, [-1], False]]), "got -1"),
    "an output that there is not": (graph(outputs=[2]), "a number must be in 0..1; got 2"),
    "no output": (graph(outputs=[]), ""),
    "an input that is none": (graph(inputs=[1]), "an input must be an InputLayer"),
    "a call without a layer": (graph(calls=[[]]), ""),
    "a call with a strange option": (graph(calls=[[1, {"evil": 1}, [0], False]]), ""),
    "weights in a config": (
        chain(tag("layers.Embedding", {"name": "e", "input_dim": 2, "output_dim": 2, "weights": [[1, 2], [3, 4]]})),
        "",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_structures_are_refused(what, tmp_path):
    structure, reason = HOSTILE[what]
    content = {"weights": [], "model": structure, "seeds": [], "compile": None}
    file.write("test", tmp_path / "bad", content, {})
    refused(tmp_path / "bad", load_model, reason)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seeds", [2**64]),
        ("seeds", [-1]),
        ("seeds", []),
        ("seeds", None),
        ("iteration", -1),
        ("iteration", "1"),
        ("iteration", 2**70),
        ("order", None),
        ("excluded", ["nobody"]),
        ("weights", ["dense/kernel"]),
        ("weights", None),
        ("compile", {"optimizer": {"class_name": "optimizers.SGD", "config": {"learning_rate": "fast"}}}),
        ("compile", {"optimizer": "adm"}),
        ("compile", {"optimizer": "adam", "shell": 1}),
        ("compile", 3),
        ("model", {}),
    ],
)
def test_hostile_values_are_refused(name, value, saved, tmp_path):
    _, _, content, tensors = saved
    file.write("test", tmp_path / "bad", {**content, name: value}, tensors)
    refused(tmp_path / "bad", load_model)


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", '"x"', "null", "9" * 5000, "[" * 100_000, "{}"])
def test_content_that_is_no_structure_is_refused(text, tmp_path):
    metadata = {"format": file.FORMAT, "content": text, "checksum": file.checksum(text, {})}
    save_file({}, tmp_path / "bad", metadata)
    refused(tmp_path / "bad", load_model)


def test_foreign_files_are_refused_by_what_they_are(tmp_path):
    for name, raw, reason in (
        ("zip", b"PK\x03\x04" + bytes(100), "it is a zip, as .keras files are"),
        ("hdf5", b"\x89HDF\r\n\x1a\n" + bytes(100), "it is HDF5"),
        ("text", b"import os\n" * 10, "it has 100 bytes, and its header claims"),
        ("empty", b"", "it has 0 bytes"),
    ):
        (tmp_path / name).write_bytes(raw)
        refused(tmp_path / name, load_model, reason)
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "other")
    refused(tmp_path / "other", load_model, "its format is None")
    save_file({"a": np.zeros(3, np.int8)}, tmp_path / "ints", {"format": file.FORMAT, "content": "{}"})
    refused(tmp_path / "ints", load_model, "a is I8, not F32 or F64")
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "nobody")
    with pytest.raises(IsADirectoryError):
        load_model(tmp_path)


# ---- writing -------------------------------------------------------------------------------------------------------


def test_write_replaces_a_file_in_one_go_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "model"
    for i in range(3):
        file.write("test", path, {"i": i}, {"a": np.full(3, i, np.float32)})
        with file.opened("test", path) as stored:
            assert stored.content == {"i": i}
            assert (stored.read()["a"] == i).all()
    assert os.listdir(tmp_path) == ["model"]
    assert json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])["a"]["shape"] == [3]


def test_write_follows_a_link_and_keeps_to_the_mask_of_the_process(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "model")
    before = os.umask(0o027)
    try:
        file.write("test", tmp_path / "link", {}, {})
    finally:
        os.umask(before)
    assert (tmp_path / "link").is_symlink()
    assert os.stat(tmp_path / "folder" / "model").st_mode & 0o777 == 0o640


def test_write_does_not_overwrite_with_overwrite_false(tmp_path):
    file.write("save", tmp_path / "model", {}, {}, overwrite=False)
    with pytest.raises(FileExistsError, match="Pass overwrite=True"):
        file.write("save", tmp_path / "model", {}, {}, overwrite=False)
    with pytest.raises(FileNotFoundError):
        file.write("save", tmp_path / "nowhere" / "model", {}, {})


def test_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    file.write("test", tmp_path / "model", {"i": 1}, {})
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        file.write("test", tmp_path / "model", {"i": 2}, {})
    assert os.listdir(tmp_path) == ["model"]
    with file.opened("test", tmp_path / "model") as stored:
        assert stored.content == {"i": 1}


@pytest.mark.parametrize("where", ["half of it is written", "before fsync", "before the new name"])
def test_process_killed_while_it_saves_leaves_the_old_file_whole(where, saved, tmp_path):
    model, path, _, _ = saved
    (tmp_path / "model").write_bytes(path.read_bytes())
    code = f"""
        import builtins, os, signal
        from seqfuse._io import file
        from seqfuse.models import load_model

        def die(*arguments):
            os.kill(os.getpid(), signal.SIGKILL)

        class Half:
            def __init__(self, file):
                self.file = file
            def __enter__(self):
                return self
            def __exit__(self, *_):
                self.file.close()
            def write(self, raw):
                self.file.write(raw[: len(raw) // 2])
                self.file.flush()
                die()

        model = load_model("model")
        model.set_weights([array + 1 for array in model.get_weights()])
        where = {where!r}
        if where == "before fsync":
            os.fsync = die
        elif where == "before the new name":
            os.replace = die
        else:
            def open_half(path, mode):
                opened = builtins.open(path, mode)
                return Half(opened) if mode == "xb" else opened

            file.open = open_half
        model.save("model")
    """
    source = os.path.dirname(os.path.dirname(sf.__file__))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(os.listdir(tmp_path)) == 2  # the incomplete file is next to it
    assert same_bits(load_model(tmp_path / "model").get_weights(), model.get_weights())
