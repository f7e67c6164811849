"""Tests of the structure of the code: lengths of files, imports between layers, names, versions, README."""

import ast
import importlib
import re
import statistics
import sys
from pathlib import Path

import pytest

import seqfuse

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "seqfuse"
CODE = sorted(
    path
    for folder in ("cpp", "src", "tests", "bench", "examples")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".pyi", ".hpp", ".cpp"}
)
CPP = [path for path in CODE if path.suffix in {".hpp", ".cpp"}]
PYTHON = [path for path in CODE if path.suffix in {".py", ".pyi"}]

# From the lowest layer up. A module may import modules of its own line and of the lines before it.
LEVELS = [
    {"_version", "_names", "_activations", "_cells"},
    {
        "_arrays",
        "_backend",
        "_checks",
        "_config",
        "_deprecation",
        "_info",
        "_kernels",
        "_progress",
        "_registry",
        "_results",
        "_seeds",
    }
    | {"_threads", "_update", "_windows"},
    {"functional", "reference"},
    {"initializers", "losses", "metrics", "optimizers", "regularizers"},
    {"layers"},
    {"_io", "callbacks"},
    {"models"},
    {"decoding", "diagnostics", "io"},
    {"keras", "onnx", "torch"},
    {"bench", "demo", "utils"},
    {"__init__", "__main__"},
]
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
THIRD_PARTY_ALLOWED = {
    "_io",
    "bench",
    "demo",
    "diagnostics",
    "keras",
    "onnx",
    "torch",
}  # everywhere else numpy is the only requirement


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    """Return the module or package of seqfuse that a source file belongs to."""
    return path.relative_to(SOURCE).parts[0].split(".")[0]


def imports(path: Path) -> set[str]:
    """Return full names of all modules that a file imports. `from seqfuse import x` counts as seqfuse.x."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = path.relative_to(ROOT / "src").parent.parts
                base = ".".join((*package[: len(package) - node.level + 1], *filter(None, [base])))
            found |= {f"seqfuse.{alias.name}" for alias in node.names} if base == "seqfuse" else {base}
    return found


def seqfuse_imports(path: Path) -> set[str]:
    """Return the modules of seqfuse that a file imports. Names defined in seqfuse itself count as `__init__`."""
    names = {name.split(".")[1] for name in imports(path) if name.startswith("seqfuse.")}
    return {name if name in LEVEL else "__init__" for name in names} | (
        {"__init__"} if "seqfuse" in imports(path) else set()
    )


SOURCES = sorted(SOURCE.rglob("*.py"))


def test_no_file_is_over_400_lines_and_the_median_at_most_150():
    generated = SOURCE / "_kernels.pyi"
    lengths = {relative(path): len(path.read_text().splitlines()) for path in CODE if path != generated}
    assert {name: n for name, n in lengths.items() if n > 400} == {}
    assert statistics.median(lengths.values()) <= 150


def test_every_module_has_its_level():
    assert sorted({module_of(path) for path in SOURCES} - set(LEVEL)) == []


def imports_from_above(path: Path) -> set[str]:
    """Return the imports of a file from layers above its own."""
    own = module_of(path)
    names = {name for name in seqfuse_imports(path) - {own} if LEVEL[name] > LEVEL[own]}
    return names - {"__init__"} if own in THIRD_PARTY_ALLOWED else names  # those use the public interface


def test_no_module_imports_from_a_layer_above():
    assert {relative(path): names for path in SOURCES if (names := imports_from_above(path))} == {}


# ---- cycles --------------------------------------------------------------------------------------------------------

MODULES = {
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__"): path
    for path in (*SOURCE.rglob("*.pyi"), *SOURCES)
}


def imported_at_run_time(node: ast.AST) -> set[str]:
    """Return the modules of seqfuse that code imports, including in functions, without imports for type checking."""
    if isinstance(node, ast.If) and ast.unparse(node.test).split(".")[-1] == "TYPE_CHECKING":
        return set().union(*map(imported_at_run_time, node.orelse))
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & set(MODULES)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        names = {f"{node.module}.{alias.name}" for alias in node.names}
        return (names & set(MODULES)) | ({node.module} & set(MODULES) if names - set(MODULES) else set())
    return set().union(*map(imported_at_run_time, ast.iter_child_nodes(node)))


def packages_above(module: str) -> set[str]:
    """Return the packages that contain a module, without seqfuse, whose `__init__` always runs first."""
    parts = module.split(".")
    return {".".join(parts[:n]) for n in range(2, len(parts))} & set(MODULES)


def import_graph(trees: dict[str, ast.AST]) -> dict[str, set[str]]:
    """Return the imports of each module. An import from outside a package includes its `__init__`."""
    graph = {}
    for module, tree in trees.items():
        named = imported_at_run_time(tree) - {module}
        entered = set().union(*(packages_above(one) for one in named)) - packages_above(module) - {module}
        graph[module] = named | entered
    return graph


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module, with Tarjan's algorithm."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in graph.get(module, ()):
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            at = stack.index(module)
            component = stack[at:]
            del stack[at:]
            if len(component) > 1:
                found.append(sorted(component))

    for module in graph:
        if module not in number:
            visit(module)
    return found


def test_no_modules_import_each_other_in_a_cycle():
    sources = {module: path for module, path in MODULES.items() if path.suffix == ".py"}  # stubs are not run
    graph = import_graph({module: ast.parse(path.read_text()) for module, path in sources.items()})
    assert "seqfuse.layers._layer" in graph["seqfuse.models._model"]
    assert cycles(graph) == []


def test_a_cycle_through_a_function_is_found_and_one_for_the_type_checker_is_not():
    code = {
        "seqfuse.layers._tensor": "def f():\n    from seqfuse.layers import _merging",
        "seqfuse.layers._merging": "from seqfuse.layers._layer import Layer",
        "seqfuse.layers._layer": "import seqfuse.layers._tensor",
        "seqfuse.callbacks.callback": "if TYPE_CHECKING:\n    from seqfuse.models._model import Model",
        "seqfuse.models._model": "from seqfuse.callbacks.callback import Callback",
        "seqfuse.models": "from seqfuse.models._model import Model",
        "seqfuse.losses._loss": "from seqfuse.metrics.metric import Mean",
        "seqfuse.metrics.metric": "import math",
        "seqfuse.metrics": "from seqfuse.losses._loss import Loss",
    }
    assert sorted(cycles(import_graph({module: ast.parse(text) for module, text in code.items()}))) == [
        ["seqfuse.layers._layer", "seqfuse.layers._merging", "seqfuse.layers._tensor"],
        ["seqfuse.losses._loss", "seqfuse.metrics"],
    ]


# ---- what is public ------------------------------------------------------------------------------------------------

PUBLIC = [
    "seqfuse",
    *(f"seqfuse.{name}" for name in sorted(seqfuse._MODULES | {"functional"})),
    *("seqfuse.layers.activations", "seqfuse.layers.weight", "seqfuse.optimizers.schedules"),
]


@pytest.mark.parametrize("name", PUBLIC)
def test_dir_lists_the_public_names(name):
    module = importlib.import_module(name)
    assert dir(module) == sorted(module.__all__)
    assert [each for each in module.__all__ if not hasattr(module, each)] == []


@pytest.mark.parametrize("package", ["layers", "losses", "models"])
def test_modules_of_a_package_are_private_but_those_that_are_public(package):
    public = {"activations", "weight"} if package == "layers" else set()
    assert {path.stem for path in (SOURCE / package).glob("[!_]*.py")} == public


# ---- who imports what ----------------------------------------------------------------------------------------------


def test_only_tests_and_bench_import_the_reference():
    others = [path for path in SOURCES if module_of(path) not in {"bench", "reference"}]
    assert [relative(path) for path in others if "reference" in seqfuse_imports(path)] == []


def third_parties(path: Path) -> set[str]:
    """Return the imports of a file other than seqfuse, NumPy and the standard library."""
    return {name.split(".")[0] for name in imports(path)} - {"seqfuse", "numpy", *sys.stdlib_module_names}


def test_reference_imports_numpy_cells_activations_and_results_alone():
    allowed = {"reference", "_activations", "_cells", "_results"}
    files = sorted((SOURCE / "reference").rglob("*.py"))
    more = {relative(path): seqfuse_imports(path) - allowed | third_parties(path) for path in files}
    assert {path: names for path, names in more.items() if names} == {}


def test_numpy_is_the_only_requirement():
    files = [path for path in SOURCES if module_of(path) not in THIRD_PARTY_ALLOWED]
    assert {relative(path): more for path in files if (more := third_parties(path))} == {}


@pytest.mark.parametrize(
    ("pattern", "home"),
    [
        (r"#\s*pragma\s+omp|#\s*include\s*<omp\.h>", "cpp/include/seqfuse/parallel.hpp"),
        (r"Eigen::internal", "cpp/include/seqfuse/simd.hpp"),
    ],
    ids=["OpenMP", "Eigen"],
)
def test_only_one_file_names(pattern, home):
    assert {relative(path) for path in CPP if re.search(pattern, path.read_text())} <= {home}


def test_cpp_outside_the_bindings_knows_no_python():
    include = re.compile(r"#\s*include\s*[<\"](Python\.h|pybind11/|numpy/)")
    others = [path for path in CPP if "bindings" not in path.parts]
    assert [relative(path) for path in others if include.search(path.read_text())] == []


def test_no_binding_takes_more_than_eight_positional_arguments():
    stub = ast.parse((SOURCE / "_kernels.pyi").read_text())
    functions = [node for node in ast.walk(stub) if isinstance(node, ast.FunctionDef)]
    assert "recurrent_backward" in {function.name for function in functions}
    positional = {function.name: [a.arg for a in function.args.args if a.arg != "self"] for function in functions}
    assert {name: arguments for name, arguments in positional.items() if len(arguments) > 8} == {}


def test_headers_are_included_once_and_can_say_why_they_exist():
    headers = {path: path.read_text() for path in sorted((ROOT / "cpp" / "include").rglob("*.hpp"))}
    assert [relative(path) for path, text in headers.items() if not text.startswith("//")] == []
    assert [relative(path) for path, text in headers.items() if "#pragma once" not in text] == []


EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers", "data"}


def words(name: str) -> set[str]:
    """Return the words of a snake_case or CamelCase name."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def test_no_file_has_an_empty_name():
    keras_names = {SOURCE / "utils.py", ROOT / "tests" / "test_utils.py"}
    assert [relative(path) for path in CODE if words(path.stem) & EMPTY_NAMES and path not in keras_names] == []


def test_no_class_or_function_has_an_empty_name():
    bad = set()
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and words(node.name) & EMPTY_NAMES:
                bad.add(f"{relative(path)}: class {node.name}")
            if isinstance(node, ast.FunctionDef) and node.name.strip("_") in EMPTY_NAMES:
                bad.add(f"{relative(path)}: def {node.name}")
    for path in CPP:
        for name in re.findall(r"^\s*(?:class|struct|enum class|namespace)\s+(\w+)", path.read_text(), re.MULTILINE):
            if words(name) & EMPTY_NAMES:
                bad.add(f"{relative(path)}: {name}")
    assert bad == set()


def test_every_module_has_a_docstring():
    assert [relative(path) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_version_numbers_agree():
    assert (SOURCE / "_version.py").read_text().count(f'__version__ = "{seqfuse.__version__}"') == 1
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == seqfuse.__version__
    assert not re.search(r"^version\s*=\s*\"", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


def test_readme_starts_with_the_two_commands():
    text = (ROOT / "README.md").read_text()
    commands = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)[:2]
    assert text.index("```bash") < 600
    for command, end in zip(commands, ("python -m seqfuse demo\n", "pytest -n auto\n"), strict=True):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
        assert command.endswith(end)
        assert command.count("\n") == 1
