"""The version of a mapper: a fingerprint of the code that turns a payload into an entity.

It covers the mapper's module, the modules it imports from the same provider or `sync_pipeline.entities`, and values
bound by a factory (`to_reference("brand")`). Comments, formatting, docstrings and the Python version do not count, so a
mapper gets a new version only if its behaviour may have changed.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Set
from functools import cache, partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec, resolve_name
from typing import Any

import msgspec

_ENTITIES = "sync_pipeline.entities"
_PROVIDER_DEPTH = 3  # sync_pipeline.sources.<provider>
# Fields of a syntax node that say nothing about what the code does, or that only some Python versions have.
_IGNORED = {"ctx", "kind", "type_comment", "type_ignores", "type_params"}
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def fingerprint(mapper: Callable[..., Any]) -> int:
    """The version of a mapper as a signed 64-bit number. Computed at most once per process."""
    modules: set[str] = set()
    digest = hashlib.sha256()
    for part in _value(mapper, modules):
        digest.update(part.encode())
    for name in sorted(_closure(modules)):
        digest.update(f"{name} {_syntax(name)[0]}".encode())
    return int.from_bytes(digest.digest()[:8], "big", signed=True)


def _closure(start: Set[str]) -> set[str]:
    """These modules and all that they import from their provider and from the entities."""
    found: set[str] = set()
    open_ = [name for name in start if _counts(name, name)]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += [one for one in _syntax(name)[1] if _counts(one, name)]
    return found


def _counts(name: str, importer: str) -> bool:
    provider = ".".join(importer.split(".")[:_PROVIDER_DEPTH])
    if name == f"{_ENTITIES}.core":  # how tables are described, not what an entity holds
        return False
    return any(name == package or name.startswith(f"{package}.") for package in (provider, _ENTITIES))


@cache
def _syntax(name: str) -> tuple[str, tuple[str, ...]]:
    """The digest of a module's code, and the modules it imports."""
    module = import_module(name)
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError):  # installed without its source: each release counts as a change
        return version("sync_pipeline"), ()
    written: list[str] = []
    _write(tree, written)
    digest = hashlib.sha256("".join(written).encode()).hexdigest()
    return digest, tuple(_imports(tree, name, module.__package__ or ""))


def _imports(tree: ast.Module, name: str, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package) if node.level else str(node.module)
            if _counts(origin, name):
                yield origin
                # What is imported from a package may be a module itself.
                if hasattr(import_module(origin), "__path__"):
                    yield from (one for a in node.names if find_spec(one := f"{origin}.{a.name}") is not None)


def _write(node: Any, out: list[str]) -> None:
    """Add a syntax tree to `out` as text: the types of its nodes and their fields that are not empty."""
    if isinstance(node, ast.AST):
        out.append(f"({type(node).__name__}")
        for field in node._fields:
            value = getattr(node, field, None)
            if value is None or value == [] or field in _IGNORED:
                continue
            if field == "body" and isinstance(node, _DOCUMENTED) and _is_docstring(value[0]):
                value = value[1:]
            out.append(f" {field}=")
            _write(value, out)
        out.append(")")
    elif isinstance(node, list):
        for one in node:
            _write(one, out)
            out.append(",")
    else:
        out.append(f"{type(node).__name__}:{node!r}")


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)


def _value(value: Any, modules: set[str], seen: tuple[Any, ...] = ()) -> Iterator[str]:
    """A value that a mapper holds, as text; the modules of the functions and types in it are added to `modules`."""
    if isinstance(value, partial):
        yield from _value([value.func, value.args, value.keywords], modules, seen)
    elif callable(value) and hasattr(value, "__code__"):
        modules.add(value.__module__)
        yield f"{value.__module__}.{value.__qualname__}"
        if value in seen:  # a function that refers to itself
            return
        seen = (*seen, value)
        bound = [cell.cell_contents for cell in value.__closure__ or ()]
        declared = [getattr(value, name, ()) for name in ("reads", "follows")]
        yield from _value([bound, declared, value.__defaults__, value.__kwdefaults__], modules, seen)
    elif isinstance(value, Mapping):
        yield from _value([[key, value[key]] for key in sorted(value, key=repr)], modules, seen)
    elif isinstance(value, Set):
        yield from _value(sorted(value, key=repr), modules, seen)
    elif isinstance(value, list | tuple):
        yield "["
        for one in value:
            yield from _value(one, modules, seen)
            yield ","
        yield "]"
    elif isinstance(value, type):
        modules.add(value.__module__)
        yield f"{value.__module__}.{value.__qualname__}"
    elif isinstance(value, msgspec.Struct) or hasattr(value, "__dict__"):
        held = msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else vars(value)
        yield from _value([type(value), held], modules, seen)
    else:
        yield f"{type(value).__name__}:{value!r}"
