"""Begin recording in a Python process that a recorded test has started, then run the hidden sitecustomize.

This folder stands last on PYTHONPATH. It must import on any Python and never fail.
"""


def _next() -> None:
    import os
    import sys

    here = os.path.dirname(os.path.abspath(__file__))
    paths = [p for p in sys.path if os.path.abspath(p or ".") != here]
    try:
        from importlib.machinery import PathFinder
    except ImportError:
        return
    spec = PathFinder.find_spec("sitecustomize", paths)
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def _record() -> None:
    import os

    if os.environ.get("PYTEST_SIGNALBOX_DIR") and os.environ.get("PYTEST_SIGNALBOX_TOKEN"):
        try:
            import pytest_signalbox  # noqa: F401  importing it begins the recording
        except Exception:
            pass  # no recording bears the token: the reader sees the hole


_record()
_next()
