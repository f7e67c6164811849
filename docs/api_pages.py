"""Sphinx extension that writes the pages of the API reference from the `__all__` of every public module.

A new public name needs no entry here: it is added to the page of its module. `FAMILIES` only says which names of
`functional` and `reference` share a page. After the build, every public name must be a target of the reference;
a missing one is a warning, which `sphinx-build -W` turns into an error.

The functions that build the text need no Sphinx, so that `tests/test_docs.py` can use them.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
from pathlib import Path
from typing import Any, NamedTuple

# In the order of the reference: what users need first comes first.
MODULES = [
    "seqfuse",
    "seqfuse.functional",
    "seqfuse.layers",
    "seqfuse.layers.activations",
    "seqfuse.layers.weight",
    "seqfuse.models",
    "seqfuse.losses",
    "seqfuse.metrics",
    "seqfuse.optimizers",
    "seqfuse.optimizers.schedules",
    "seqfuse.callbacks",
    "seqfuse.initializers",
    "seqfuse.regularizers",
    "seqfuse.utils",
    "seqfuse.io",
    "seqfuse.decoding",
    "seqfuse.diagnostics",
    "seqfuse.reference",
]

# Sections of `seqfuse.functional` and `seqfuse.reference`: (section, [(page, title, stems of the names on it)]).
# The stem of a name is the name without `_forward`, `_backward`, `Tape` and underscores, in lower case.
FAMILIES = [
    (
        "Recurrent cells",
        [
            ("lstm", "LSTM", ["lstm"]),
            ("gru", "GRU", ["gru"]),
            ("rnn", "Simple RNN", ["rnn"]),
            ("indrnn", "IndRNN", ["indrnn"]),
            ("mingru", "minGRU", ["mingru"]),
            ("recurrent_tape", "Tape of a recurrent cell", ["recurrent"]),
            ("readout", "Readout", ["readout"]),
        ],
    ),
    (
        "Packed weights and streams",
        [
            ("pack", "Packed weights", ["packlstm", "packgru", "packrnn", "packindrnn", "packmingru", "packed"]),
            ("stream", "Stream", ["stream"]),
            (
                "foreign_weights",
                "Weights of PyTorch and ONNX",
                ["weightsfrompytorch", "weightstopytorch", "pytorchweights"]
                + ["weightsfromonnx", "weightstoonnx", "onnxweights"],
            ),
        ],
    ),
    (
        "Attention",
        [
            ("attention", "Scaled dot-product attention", ["attention"]),
            ("kv_cache", "Cache of keys and values", ["kvcache"]),
            (
                "multi_head_attention",
                "Multi-head attention",
                ["multiheadattention", "multiheadattentionweights", "multiheadattentionweightsfromtorch"],
            ),
            ("rotary", "Rotary positions", ["rotary", "rotarytables"]),
            ("sinusoidal_positions", "Sinusoidal positions", ["sinusoidalpositions"]),
        ],
    ),
    (
        "Products and tables",
        [("dense", "Dense", ["dense"]), ("embedding", "Embedding", ["embedding"])],
    ),
    (
        "Normalization, activations and dropout",
        [
            ("layer_norm", "Layer normalization", ["layernorm"]),
            ("rms_norm", "RMS normalization", ["rmsnorm"]),
            ("softmax", "Softmax", ["softmax"]),
            ("gelu", "GELU", ["gelu"]),
            ("silu", "SiLU", ["silu"]),
            ("dropout", "Dropout", ["dropout", "philox4x32"]),
        ],
    ),
    (
        "Losses",
        [
            ("softmax_cross_entropy", "Softmax cross-entropy", ["softmaxcrossentropy"]),
            ("ctc", "Connectionist temporal classification", ["ctcloss", "ctcgreedydecode", "ctcbeamdecode"]),
        ],
    ),
    (
        "Optimizer updates",
        [
            (
                "optimizer_updates",
                "Optimizer updates",
                ["adamupdate", "amsgradupdate", "sgdupdate", "rmspropupdate", "adagradupdate"],
            )
        ],
    ),
]

# What data means; it has no docstring of its own at run time.
DATA = {
    "seqfuse.__version__": "Version of the package, a string such as ``0.1.0``.",
    "seqfuse.layers.activations.NAMES": "Names that the argument ``activation`` of a layer accepts.",
}


class Name(NamedTuple):
    """A public name, and the full name under which it is documented."""

    module: str
    name: str
    value: Any
    home: str  # equal to `full` unless the name is an alias

    @property
    def full(self) -> str:
        return f"{self.module}.{self.name}"


def public_names() -> list[Name]:
    """Return all public names of all modules, each with its home."""
    modules = {module: importlib.import_module(module) for module in MODULES}
    homes: dict[int, str] = {}
    for module in sorted(MODULES, key=lambda module: module == "seqfuse"):  # the top level holds aliases
        for name in modules[module].__all__:
            value = getattr(modules[module], name)
            if callable(value) and (id(value) not in homes or homes[id(value)].rpartition(".")[2] != value.__name__):
                homes[id(value)] = f"{module}.{name}"
    return [
        Name(module, name, value := getattr(modules[module], name), homes.get(id(value), f"{module}.{name}"))
        for module in MODULES
        for name in modules[module].__all__
    ]


def kind(value: Any) -> str:
    """Return the directive of Python's domain that describes a value."""
    if inspect.ismodule(value):
        return "module"
    if inspect.isclass(value):
        return "class"
    return "function" if callable(value) else "data"


# ---- one object ------------------------------------------------------------------------------------------------


def members(cls: type, documented: set[type]) -> list[tuple[str, str]]:
    """Return the documented members of a class as (directive, name).

    A member of a documented base class is left out, unless the class overrides it and says more than one line about it.
    """
    found: dict[str, str] = {}
    documented_bases = [base for base in cls.__mro__[1:] if base in documented]
    for base in cls.__mro__:
        if not base.__module__.startswith("seqfuse") or any(issubclass(other, base) for other in documented_bases):
            continue
        for name, value in vars(base).items():
            public = not name.startswith("_") or name == "__call__"
            inner = getattr(value, "__func__", value)
            text = (inner.fget if isinstance(inner, property) else inner).__doc__ or ""
            if not public or name in found or not text or "(deprecated)" in text:
                continue
            if isinstance(inner, property):
                found[name] = "autoproperty"
            elif inspect.isfunction(inner):
                found[name] = "automethod"
    inherited = {name for base in documented_bases for name in dir(base)}
    repeated = {name for name in inherited if "\n\n" not in (getattr(vars(cls).get(name), "__doc__", None) or "")}
    return sorted(
        ((directive, name) for name, directive in found.items() if name not in repeated),
        key=lambda member: (member[1] != "__call__", member[1]),
    )


def describe(name: Name, documented: set[type]) -> str:
    """Return the reST that documents one name."""
    what = kind(name.value)
    if what == "module":
        return ""
    if what == "data":
        value = f"\n   :value: {name.value!r}" if isinstance(name.value, str) else ""
        return f".. py:data:: {name.name}{value}\n\n   {DATA[name.full]}\n"
    if name.home != name.full:
        role = "class" if what == "class" else "func"
        text = f":py:{role}:`{name.home}` under another name." if name.name != name.home.rpartition(".")[2] else ""
        text = text or f"The same as :py:{role}:`{name.home}`."
        return f".. py:{what}:: {name.name}\n\n   {text}\n"
    hidden = "()" if name.name.endswith("Tape") else ""  # no user calls the constructor of a tape
    lines = [f".. auto{what}:: {name.name}{hidden}", ""]
    if what == "class":
        for directive, member in members(name.value, documented):
            lines += [f"   .. {directive}:: {member}", ""]
    return "\n".join(lines)


# ---- pages -----------------------------------------------------------------------------------------------------


def heading(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n"


def toctree(pages: list[str]) -> str:
    return ".. toctree::\n   :hidden:\n\n" + "".join(f"   {page}\n" for page in pages)


def table(names: list[Name]) -> str:
    """Return a table of names with their summaries; autosummary fills it."""
    return ".. autosummary::\n   :nosignatures:\n\n" + "".join(f"   {name.name}\n" for name in names)


def stem(name: str) -> str:
    return name.removesuffix("_forward").removesuffix("_backward").removesuffix("Tape").replace("_", "").lower()


def order(name: Name) -> tuple[bool, str]:
    """Sort functions before classes; a forward function follows its plain function."""
    return (inspect.isclass(name.value), name.name.replace("_backward", "_forwardz"))


def pages() -> dict[str, str]:
    """Return the reST of every generated page by its name without the suffix."""
    by_module: dict[str, list[Name]] = {module: [] for module in MODULES}
    for name in public_names():
        by_module[name.module].append(name)
    documented = {
        name.value
        for names in by_module.values()
        for name in names
        if inspect.isclass(name.value) and name.home == name.full
    }
    result = {"command_line": command_line()}
    for module, names in by_module.items():
        page = module.replace("seqfuse.", "")
        head = heading(module) + f"\n.. automodule:: {module}\n   :no-members:\n\n"
        if module in {"seqfuse.functional", "seqfuse.reference"}:
            body, more = family_pages(page, names, documented)
        elif module == "seqfuse.layers":
            body, more = layer_pages(names, documented)
        else:
            body, more = one_page(names, documented), {}
        result[page] = head + body
        result |= more
    return result


def one_page(names: list[Name], documented: set[type]) -> str:
    """Return a table of the names, then their documentation."""
    modules = [name for name in names if kind(name.value) == "module"]
    others = [name for name in names if kind(name.value) != "module"]
    parts = []
    if modules:
        parts.append(heading("Modules", "-") + "\n" + table(modules))
    own = [name for name in others if name.home == name.full and kind(name.value) != "data"]
    if len(own) > 2:
        parts.append(table(own))
    parts += [describe(name, documented) for name in sorted(others, key=lambda name: name.home != name.full)]
    return "\n".join(parts)


def family_pages(page: str, names: list[Name], documented: set[type]) -> tuple[str, dict[str, str]]:
    """Return the overview of a module of operations, and a page for each family of names."""
    module_line = f"\n.. currentmodule:: seqfuse.{page}\n\n"
    left = {name.name: name for name in names}
    body, more = "", {}
    for section, families in FAMILIES:
        rows = ""
        for file, title, stems in families:
            family = sorted((name for name in left.values() if stem(name.name) in stems), key=order)
            if not family:
                continue
            for name in family:
                del left[name.name]
            more[f"{page}.{file}"] = (
                heading(title) + module_line + "\n".join(describe(one, documented) for one in family)
            )
            rows += "".join(f"   {name.name}\n" for name in family)
        if rows:
            body += heading(section, "-") + "\n.. autosummary::\n   :nosignatures:\n\n" + rows + "\n"
    if left:
        others = sorted(left.values(), key=order)
        more[f"{page}.others"] = (
            heading("Others") + module_line + "\n".join(describe(one, documented) for one in others)
        )
        body += heading("Others", "-") + "\n" + table(others) + "\n"
    return body + toctree(list(more)), more


def layer_pages(names: list[Name], documented: set[type]) -> tuple[str, dict[str, str]]:
    """Return the overview of the layers, and a page for each."""
    modules = [name for name in names if kind(name.value) == "module"]
    layers = sorted((name for name in names if kind(name.value) != "module"), key=lambda name: name.name.lower())
    module_line = "\n.. currentmodule:: seqfuse.layers\n\n"
    more = {f"layers.{one.name}": heading(one.name) + module_line + describe(one, documented) for one in layers}
    return table(layers) + "\n" + heading("Modules", "-") + "\n" + table(modules) + "\n" + toctree(list(more)), more


def command_line() -> str:
    """Return the page of `python -m seqfuse` and its commands, as they print their help."""
    text = heading("Command line") + "\nEach command prints its arguments with ``--help``.\n\n"
    for command in ("", "demo", "bench"):
        called = " ".join(["python -m seqfuse", command]).strip()
        text += heading(called, "-") + "\n.. code-block:: text\n\n"
        text += "".join(f"   {line}\n" if line else "\n" for line in help_of(command).splitlines()) + "\n"
    return text


def help_of(command: str) -> str:
    """Return what a command prints for `--help`."""
    main = importlib.import_module(f"seqfuse.{command}" if command else "seqfuse.__main__").main
    out, before = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "88"
    try:
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            main(["--help"])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return out.getvalue()


# ---- Sphinx ----------------------------------------------------------------------------------------------------


def write_pages(app: Any) -> None:
    """Write the pages; a page that has not changed keeps its time, so that Sphinx does not read it again."""
    folder = Path(app.srcdir) / "api" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {folder / f"{page}.rst": text for page, text in pages().items()}
    for path in set(folder.glob("*.rst")) - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def check_names(app: Any, env: Any) -> None:
    """Warn about each public name that the reference does not contain."""
    from sphinx.util import logging

    targets = env.domains["py"].objects
    for name in public_names():
        full = name.value.__name__ if kind(name.value) == "module" else name.full
        if full not in targets:
            logging.getLogger(__name__).warning("the API reference lacks %s", full)


def setup(app: Any) -> dict[str, Any]:
    """Connect the extension to Sphinx's events."""
    app.connect("builder-inited", write_pages)
    app.connect("env-check-consistency", check_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
