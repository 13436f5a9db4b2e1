"""JUnit reports of real test runners and linters over suites whose outcome is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import readers_suites as suites
from readers_case import Case
from readers_suites import MIXES, Mix
from readers_tools import HOME, go, node, python, run


def junit() -> Iterator[Case]:
    """Every case of these."""
    for family, mixes in (("xunit2", MIXES), ("xunit1", MIXES[1:3]), ("legacy", MIXES[1:2])):
        yield from _tests("pytest", mixes, _pytest("-o", f"junit_family={family}"), family)
    yield from _tests("pytest", MIXES[1:2], _pytest("-n", "2"), "xdist")
    yield from _tests("unittest-xml-reporting", MIXES, _xmlrunner)
    yield from _tests("nose2", MIXES[:3], _nose2)
    yield from _tests("behave", MIXES[:3], _behave)
    yield from _tests("Robot Framework", MIXES, _robot)
    plain = suites.javascript("import {test} from 'node:test';\n")
    yield from _tests("node", MIXES, _node(plain))
    yield from _tests("node", MIXES[1:3], _node(suites.nested_javascript), "nested")
    yield from _tests("Jest", MIXES, _jest)
    yield from _tests("Vitest", MIXES, _vitest)
    yield from _tests("Mocha", MIXES, _mocha)
    yield from _tests("gotestsum", MIXES, _gotestsum)
    yield from _tests("go-junit-report", MIXES, _go_junit_report)
    for bad in (0, 3):
        truth = {"failed": int(bool(bad)), "passed": int(not bad), "total": 1}
        yield Case("mypy", f"{bad} errors", "junit", _mypy(bad), truth, "fail" if bad else "pass")
    truth = {"failed": 4, "total": 4}
    yield Case("Ruff", "JUnit, 4 findings", "junit", ruff(4, "junit", "r.xml"), truth, "fail")


def _tests(
    tool: str, mixes: tuple[Mix, ...], make: Callable[[Path, Mix], Path], name: str = ""
) -> Iterator[Case]:
    for mix in mixes:
        bad = mix.failed + mix.broken
        truth = {"total": sum(mix), "passed": mix.passed, "failed": bad, "skipped": mix.skipped}

        def made(folder: Path, mix: Mix = mix) -> Path:
            return make(folder, mix)

        label = f"{name} {'/'.join(map(str, mix))}".strip()
        yield Case(tool, label, "junit", made, truth, "fail" if bad else "pass")


def _pytest(*more: str) -> Callable[[Path, Mix], Path]:
    def make(folder: Path, mix: Mix) -> Path:
        (folder / "test_shop.py").write_text(suites.pytest(mix))
        run(python("python"), "-m", "pytest", "-q", *more, "--junitxml=r.xml", cwd=folder)
        return folder / "r.xml"

    return make


def _xmlrunner(folder: Path, mix: Mix) -> Path:
    (folder / "test_shop.py").write_text(suites.unittest(mix))
    run(python("python"), "-m", "xmlrunner", "--output-file", "r.xml", "test_shop", cwd=folder)
    return folder / "r.xml"


def _nose2(folder: Path, mix: Mix) -> Path:
    (folder / "test_shop.py").write_text(suites.unittest(mix))
    run(python("python"), "-m", "nose2", "--plugin", "nose2.plugins.junitxml", "--junit-xml", cwd=folder)
    return folder / "nose2-junit.xml"


def _behave(folder: Path, mix: Mix) -> Path:
    (folder / "features" / "steps").mkdir(parents=True)
    (folder / "features" / "shop.feature").write_text(suites.behave(mix))
    (folder / "features" / "steps" / "steps.py").write_text(suites.BEHAVE_STEPS)
    run(python("behave"), "--junit", "--junit-directory", "out", "--tags=not @skip", cwd=folder)
    [path] = (folder / "out").glob("*.xml")
    return path


def _robot(folder: Path, mix: Mix) -> Path:
    (folder / "shop.robot").write_text(suites.robot(mix))
    run(python("robot"), "--xunit", "r.xml", "--log", "NONE", "--report", "NONE", "shop.robot", cwd=folder)
    return folder / "r.xml"


def _node(source: Callable[[Mix], str]) -> Callable[[Path, Mix], Path]:
    def make(folder: Path, mix: Mix) -> Path:
        (folder / "shop.test.mjs").write_text(source(mix))
        arguments = ("--test", "--test-reporter=junit", "--test-reporter-destination=r.xml", "shop.test.mjs")
        run("node", *arguments, cwd=folder)
        return folder / "r.xml"

    return make


def _jest(folder: Path, mix: Mix) -> Path:
    (folder / "shop.test.js").write_text(suites.javascript("")(mix))
    (folder / "package.json").write_text('{"name": "shop"}')
    reporter = HOME / "js/node_modules/jest-junit"
    run(node("jest"), "--ci", f"--reporters={reporter}", "--rootDir", folder, cwd=folder)
    return folder / "junit.xml"


def _vitest(folder: Path, mix: Mix) -> Path:
    (folder / "node_modules").symlink_to(HOME / "js/node_modules")
    (folder / "shop.test.js").write_text(suites.javascript("import {test} from 'vitest';\n")(mix))
    run(node("vitest"), "run", "--reporter=junit", "--outputFile=r.xml", "--root", folder, cwd=folder)
    return folder / "r.xml"


def _mocha(folder: Path, mix: Mix) -> Path:
    (folder / "shop.js").write_text(suites.javascript("const test = it;\n")(mix))
    reporter = HOME / "js/node_modules/mocha-junit-reporter"
    run(node("mocha"), "--reporter", reporter, "--reporter-options", "mochaFile=r.xml", "shop.js", cwd=folder)
    return folder / "r.xml"


def _module(folder: Path, mix: Mix) -> None:
    (folder / "go.mod").write_text("module example.org/shop\n\ngo 1.21\n")
    (folder / "shop_test.go").write_text(suites.golang(mix))


def _gotestsum(folder: Path, mix: Mix) -> Path:
    _module(folder, mix)
    run(go("gotestsum"), "--junitfile", "r.xml", "./...", cwd=folder)
    return folder / "r.xml"


def _go_junit_report(folder: Path, mix: Mix) -> Path:
    _module(folder, mix)
    told = run(go("go"), "test", "-v", "./...", cwd=folder).stdout
    (folder / "log").write_text(told)
    run(go("go-junit-report"), "-in", "log", "-out", "r.xml", cwd=folder)
    return folder / "r.xml"


def _mypy(bad: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "shop.py").write_text("".join(f"x{i}: int = 'text'\n" for i in range(bad)))
        run(python("mypy"), "--junit-xml", "r.xml", "--cache-dir", folder / "c", "shop.py", cwd=folder)
        return folder / "r.xml"

    return make


def ruff(count: int, form: str, name: str) -> Callable[[Path], Path]:
    """Ruff over ``count`` unused imports."""

    def make(folder: Path) -> Path:
        (folder / "shop.py").write_text("".join(f"import m{i}\n" for i in range(count)))
        arguments = ("check", "--isolated", "--no-cache", "--select", "F401", "--output-format", form)
        (folder / name).write_text(run(python("ruff"), *arguments, "shop.py", cwd=folder).stdout)
        return folder / name

    return make
