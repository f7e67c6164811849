"""Public docstrings are complete in the format of numpydoc (extra `docs`; see the stage "documentation" of .ci/run)."""

import importlib
import inspect

import pytest
from test_docs import from_docs

validate = pytest.importorskip("numpydoc.validate", reason="numpydoc is not installed: pip install '.[docs]'").validate
get_doc_object = pytest.importorskip("numpydoc.docscrape").get_doc_object
api_pages = from_docs("api_pages")

# Checks that are left out, and why:
#   GL01, GL02  the summary is on the line of the opening quotes, as PEP 257 allows
#   ES01, SA01  an extended summary or a section "See Also" is not always useful
#   RT02        results have names where there are several
#   SA04        the description in "See Also" repeats the summary of what it refers to
CHECKS = {
    *("GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "GL10"),  # layout and names of sections; GL08: no docstring
    *("SS01", "SS02", "SS03", "SS04", "SS05", "SS06"),  # the summary: one imperative sentence on one line
    *("PR01", "PR02", "PR03", "PR04", "PR05", "PR06", "PR07", "PR08", "PR09", "PR10"),  # every parameter, with its type
    *("RT01", "RT03", "RT04", "RT05", "YD01"),  # results
    *("SA02", "SA03", "EX01"),
}
# A method needs no example. Its summary says what it returns if that needs no shape. A method that overrides another
# documents the parameters only if their meaning differs.
METHOD_CHECKS = CHECKS - {"RT01", "EX01", "YD01"}
# Objects of these classes are created by a function, never by a user: their attributes are documented instead.
RESULT_CHECKS = CHECKS - {"PR01", "EX01"}
RESULTS = ("Tape", "Step", "Packed", "Stream", "Decoded", "Saturation", "Statistics", "StatisticsTable", "Weights")


def public_objects():
    """Yield (full name, checks) for every public function, class, method and property, each once."""
    names = [name for name in api_pages.public_names() if name.home == name.full]
    classes = {name.value for name in names if inspect.isclass(name.value)}
    for name in names:
        if api_pages.kind(name.value) == "module":
            yield name.value.__name__, {"GL08", "SS01", "SS02", "SS03", "SS06"}
        elif api_pages.kind(name.value) != "data":
            yield name.full, RESULT_CHECKS if name.name.endswith(RESULTS) else CHECKS
        if inspect.isclass(name.value):
            for _, member in api_pages.members(name.value, classes):
                if vars(name.value).get(member, member).__doc__:  # otherwise it inherits the docstring of a base class
                    overrides = any(hasattr(base, member) for base in name.value.__mro__[1:])
                    yield f"{name.full}.{member}", METHOD_CHECKS - ({"PR01"} if overrides else set())


def find(name):
    """Return the object with a full name, by attributes from the deepest public module on."""
    module = max((each for each in api_pages.MODULES if name.startswith(f"{each}.") or name == each), key=len)
    value = importlib.import_module(module)
    for attribute in name[len(module) + 1 :].split(".") if name != module else ():
        value = getattr(value, attribute)
    return value


@pytest.mark.parametrize(
    ("name", "checks"), list(public_objects()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_public_docstring_is_complete(name, checks):
    docstring = get_doc_object(find(name))  # the object itself: a module may have the same name as its function
    errors = [f"{code}: {message}" for code, message in validate(docstring)["errors"] if code in checks]
    assert errors == []


@pytest.mark.parametrize(
    "name", [name for name in api_pages.public_names() if inspect.isclass(name.value)], ids=lambda name: name.full
)
def test_public_methods_have_a_docstring_of_their_own_or_of_a_base_class(name):
    own = {key: value for key, value in vars(name.value).items() if not key.startswith("_")}
    methods = [
        key
        for key, value in own.items()
        if inspect.isroutine(value) or isinstance(value, (property, classmethod, staticmethod))
    ]
    assert [key for key in methods if not inspect.getdoc(getattr(name.value, key))] == []
