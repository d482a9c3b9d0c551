"""Who may use whom, kept by reading the sources: ``ast`` for Python, the include lines for C++."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "thalweg"
MAXIMUM_LINES = 400


def sources(folder: str, *suffixes: str) -> list[Path]:
    return sorted(p for p in (ROOT / folder).rglob("*") if p.suffix in suffixes)


def named(paths):
    return [pytest.param(p, id=str(p.relative_to(ROOT))) for p in paths]


# --- Python: what each layer may import from the package, and from outside at import time. ---

HELPERS = {"_checks", "_memory", "errors"}  # wording, sizes and exceptions: no knowledge of layers
CORE = {"_targets", "landscapes", "rng", "results", "datasets"} | HELPERS
ABOVE = (CORE - {"_targets"}) | {"dynamics", "protocols", "curvature", "species", "theory"}
ABOVE |= {"plotting"}
NUMPY = {"numpy"}
ON_DEMAND = {"theory", "plotting"}  # import what takes long: only inside functions of dynamics

# The longest matching prefix of a module's name decides.
MAY_IMPORT = {
    "": (CORE | {"dynamics", "protocols"}, NUMPY),
    "_targets": (set(), NUMPY),
    "_checks": (set(), NUMPY),
    "_memory": (HELPERS, NUMPY),
    "errors": (set(), NUMPY),
    "results": (set(), NUMPY),
    "species": (HELPERS, NUMPY),
    "theory": (HELPERS, NUMPY | {"scipy"}),
    "rng": ({"_targets"} | HELPERS, NUMPY),
    "datasets": ({"rng"} | HELPERS, NUMPY),
    "landscapes": ({"_targets", "rng", "datasets"} | HELPERS, NUMPY),
    "dynamics": ({"_targets", "landscapes", "rng", "results"} | HELPERS | ON_DEMAND, NUMPY),
    "curvature": (CORE | {"plotting"}, NUMPY),
    "protocols": (ABOVE, NUMPY | {"scipy"}),
    "plotting": (HELPERS, NUMPY),
    "doctor": ({"_targets"}, NUMPY),
    "demo": (ABOVE, NUMPY | {"tqdm"}),
    "study": (ABOVE, NUMPY),
    "cli": ({"doctor", "demo", "study", "landscapes", "protocols"} | HELPERS, {"typer"}),
}


def module_name(path: Path) -> str:
    """Dotted name below the package: "" for the package itself, "dynamics.base"."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str:
    return module.split(".")[0]


def imports_of(path: Path):
    """Yield (inside the package?, top-level name, done at import time?)."""
    tree = ast.parse(path.read_text())
    inside_functions = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    depth = len(path.relative_to(PACKAGE).parts)  # 1 for thalweg/x.py: one dot is the package
    own = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(tree):
        early = node not in inside_functions
        if isinstance(node, ast.Import):
            for alias in node.names:
                first, _, rest = alias.name.partition(".")
                yield first == "thalweg", rest.split(".")[0] if first == "thalweg" else first, early
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            first, _, rest = node.module.partition(".")
            if first != "thalweg":
                yield False, first, early
            elif rest:
                yield True, rest.split(".")[0], early
            else:
                for alias in node.names:
                    yield True, alias.name, early
        elif isinstance(node, ast.ImportFrom):
            base = own[: depth - node.level]
            target = [*base, *(node.module.split(".") if node.module else [])]
            for name in [target[0]] if target else [alias.name for alias in node.names]:
                yield True, name, early


@pytest.mark.parametrize("path", named(sources("python/thalweg", ".py")))
def test_python_layers(path):
    layer = layer_of(module_name(path))
    assert layer in MAY_IMPORT, f"{path.name} is of no known layer: add it to the table here"
    package, outside = MAY_IMPORT[layer]
    for inside, name, early in imports_of(path):
        if inside:
            is_module = (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists()
            late = layer == "dynamics" and early and name in ON_DEMAND
            allowed = name == layer or (name in package and not late) or not is_module
            assert allowed, f"{layer or 'thalweg'} may not use thalweg.{name}"
        elif early:
            allowed = name in sys.stdlib_module_names or name in outside
            assert allowed, f"{layer or 'thalweg'} may not import {name} at import time"


def test_the_import_reader_sees_imports():
    found = set(imports_of(PACKAGE / "_targets" / "__init__.py"))
    assert (True, "_targets", True) in found
    assert (False, "functools", True) in found
    assert any(inside and name == "_targets" for inside, name, _ in imports_of(PACKAGE / "rng.py"))


# --- C++: what each layer may include. ---

FREESTANDING = {"bit", "climits", "cmath", "concepts", "cstddef", "cstdint", "cstring", "limits"}
FREESTANDING |= {"numbers", "type_traits", "utility", "immintrin.h", "arm_neon.h"}
FORMULAS = ("thalweg/math/", "thalweg/landscapes/", "thalweg/dynamics/")
ENGINE = (*FORMULAS, "thalweg/engine/", "thalweg/solvers/")
BOUND = (*ENGINE[3:], "thalweg/math/", "pybind11/", "cpp/bindings/")

INCLUDE = re.compile(r"^\s*#\s*include\s*[<\"]([^>\"]+)[>\"]", re.MULTILINE)
STANDARD = re.compile(
    r"^[a-z_]+$|^(pthread|sched|signal|unistd|setjmp|ucontext|immintrin|arm_neon)\.h$"
)


def is_standard(header: str) -> bool:
    return STANDARD.match(header) is not None


def headers_of(path: Path) -> list[str]:
    """Return what a file includes; a neighbour in the same folder by its full name."""
    headers = INCLUDE.findall(path.read_text())
    places = [(path.parent / header, header) for header in headers]
    return [include_name(place) if place.is_file() else header for place, header in places]


def include_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix().removeprefix("cpp/include/")


CPP_LAYERS = {
    "cpp/include/thalweg/math": lambda h: h in FREESTANDING or h.startswith(FORMULAS[:1]),
    "cpp/include/thalweg/landscapes": lambda h: h in FREESTANDING or h.startswith(FORMULAS[:2]),
    "cpp/include/thalweg/dynamics": lambda h: (
        h in FREESTANDING or h.startswith((FORMULAS[0], FORMULAS[2]))
    ),
    "cpp/include/thalweg/engine": lambda h: is_standard(h) or h.startswith(ENGINE[:-1]),
    "cpp/include/thalweg/solvers": lambda h: is_standard(h) or h.startswith((*ENGINE, "Eigen/")),
    "cpp/src": lambda h: is_standard(h) or h.startswith((*ENGINE, "cpp/src/")),
    "cpp/bindings": lambda h: is_standard(h) or h.startswith(BOUND),
    "cuda": lambda h: is_standard(h) or h.startswith((*ENGINE, "cuda")),
}
CPP = sources("cpp", ".hpp", ".cpp") + sources("cuda", ".cu", ".cuh", ".hpp", ".cpp")


@pytest.mark.parametrize("path", named(CPP))
def test_cpp_layers(path):
    name = path.relative_to(ROOT).as_posix()
    layer = next((layer for layer in CPP_LAYERS if name.startswith(layer + "/")), None)
    assert layer, f"{name} is of no known layer: add it to the table here"
    for header in headers_of(path):
        assert CPP_LAYERS[layer](header), f"{layer} may not include {header}"


def test_the_include_reader_sees_includes():
    headers = INCLUDE.findall((ROOT / "cpp/include/thalweg/math/pack.hpp").read_text())
    assert {"bit", "immintrin.h"} <= set(headers)
    may_include = CPP_LAYERS["cpp/include/thalweg/math"]
    assert not any(map(may_include, ["vector", "thread", "thalweg/engine/batch.hpp", "cuda.h"]))


def test_every_cpp_source_is_built():
    files = (ROOT / "CMakeLists.txt", ROOT / "cuda" / "targets.cmake")
    text = "".join(file.read_text() for file in files)
    listed = set(re.findall(r"\b(?:cpp|cuda)/[\w/]+\.(?:cpp|cu)\b", text))
    found = sources("cpp", ".cpp") + sources("cuda", ".cpp", ".cu")
    present = {p.relative_to(ROOT).as_posix() for p in found}
    assert present
    assert listed == present


# Kernels, and what they are made of, are compiled by nvcc and by a C++ compiler alike: nothing of
# the CUDA runtime is called outside the one file that wraps it.
RUNTIME = re.compile(r"\bcuda(?:Malloc|Free|Memcpy|Memset|Get|Set|Func|Device|Stream|Event)\w*\(")


@pytest.mark.parametrize("path", named(sources("cuda", ".cu", ".cuh", ".hpp", ".cpp")))
def test_the_cuda_runtime_is_called_in_one_place(path):
    if path.name != "device.cu":
        assert not RUNTIME.search(path.read_text())


# --- Size, documentation, and what every protocol brings. ---

ALL = sources("python", ".py") + CPP


@pytest.mark.parametrize("path", named(ALL))
def test_no_file_is_long(path):
    lines = len(path.read_text().splitlines())
    assert lines <= MAXIMUM_LINES, f"{lines} lines; split it at {MAXIMUM_LINES}"


def is_empty(node: ast.AST) -> bool:
    return ast.unparse(node.body) == "..."


def undocumented(path: Path):
    """Yield the public functions, classes and methods without a docstring.

    A member of a ``Protocol`` without a body is documented by the class, under Attributes.
    """
    open_nodes = [(ast.parse(path.read_text()), "")]
    while open_nodes:
        node, prefix = open_nodes.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef) and child.name[0] != "_":
                listed = isinstance(node, ast.ClassDef) and f"\n{child.name} :" in (
                    ast.get_docstring(node) or ""
                )
                if ast.get_docstring(child) is None and not (listed and is_empty(child)):
                    yield prefix + child.name
                if isinstance(child, ast.ClassDef):
                    open_nodes.append((child, f"{child.name}."))


@pytest.mark.parametrize("path", named(sources("python/thalweg", ".py")))
def test_public_names_are_documented(path):
    assert ast.get_docstring(ast.parse(path.read_text())), "the module has no docstring"
    assert not list(undocumented(path))


def protocol_names() -> list[str]:
    """Return the functions that ``thalweg.protocols`` exports: one question each."""
    tree = ast.parse((PACKAGE / "protocols" / "__init__.py").read_text())
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    names = (alias.name for node in imports for alias in node.names)
    return sorted(name for name in names if name == name.lower() and name != "annotations")


def test_there_are_protocols():
    assert "thermal_chart" in protocol_names()


@pytest.mark.parametrize("name", protocol_names())
def test_every_protocol_has_one_file_a_test_and_a_page(name):
    assert f"def {name}(" in (PACKAGE / "protocols" / f"{name}.py").read_text()
    for part in (f"tests/protocols/test_{name}.py", f"docs/protocols/{name}.md"):
        assert (ROOT / part).is_file(), f"protocol {name} lacks {part}"
