"""Packages that are also functions: `sentrec.transfer` holds the modules of what ``sentrec.transfer(...)`` does."""

import importlib
import sys
from types import ModuleType
from typing import Any


def make_callable(package: str, module: str, function: str) -> None:
    """Lets a package be called as a function of one of its modules, which is imported at the first call."""

    class CallablePackage(ModuleType):
        def __call__(self, *args: Any, **options: Any) -> Any:
            return getattr(importlib.import_module(f"{package}.{module}"), function)(*args, **options)

    sys.modules[package].__class__ = CallablePackage
