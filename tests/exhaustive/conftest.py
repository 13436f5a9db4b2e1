"""Here every string goes through every input: set before the modules that read it are imported."""

import importlib.util
import os
import sys
from pathlib import Path

os.environ["SIGNALBOX_HOSTILE"] = "all"

WORKFLOWS = Path(__file__).resolve().parents[1] / "workflows"
sys.path.insert(0, str(WORKFLOWS))
_spec = importlib.util.spec_from_file_location("workflow_fixtures", WORKFLOWS / "conftest.py")
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
# The fixtures of the act lane, which these tests share.
copy, tools, description = _fixtures.copy, _fixtures.tools, _fixtures.description
github, runner, repository = _fixtures.github, _fixtures.runner, _fixtures.repository
