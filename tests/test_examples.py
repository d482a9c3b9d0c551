"""Every example in a docstring runs and prints what it says; public names have one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import thalweg as tw

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(tw.__path__, "thalweg.")
    if "._targets" not in module.name
)


@pytest.mark.parametrize("name", ["thalweg", *MODULES])
def test_examples_print_what_they_say(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_examples_are_found():
    assert "thalweg.dynamics.langevin" in MODULES
    finder = doctest.DocTestFinder()
    found = [test.name for test in finder.find(tw.landscapes.mlp) if test.examples]
    assert "thalweg.landscapes.mlp.MLP" in found


def is_callable_of_ours(name):
    value = getattr(tw, name)
    return callable(value) and not (inspect.isclass(value) and issubclass(value, Warning))


@pytest.mark.parametrize("name", [name for name in tw.__all__ if is_callable_of_ours(name)])
def test_every_public_name_has_an_example(name):
    text = inspect.getdoc(getattr(tw, name))
    assert ">>> " in text
    assert "Examples\n--------" in text


def test_all_names_exist_and_are_listed():
    assert set(tw.__all__) <= set(dir(tw))
    with pytest.raises(AttributeError, match="no attribute 'landscape'"):
        _ = tw.landscape
