"""Held-out reports: tools, versions and formats no reader was written by, their truth written beforehand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import readers_suites as suites
from readers_case import Case
from readers_held_tools import go, modules, node, python, run
from readers_suites import Mix
from readers_tools import python as known_python

MIXES = (Mix(6, 0, 0, 0), Mix(4, 2, 1, 3))
# These linters write no case where they find nothing, which looks as if nothing had run.
EMPTY = ("Spectral", "Biome", "Oxlint", "Semgrep")
SOURCE = "def f():\n    pass\n"


def held_out() -> Iterator[Case]:
    """All of them."""
    yield from _runners()
    yield from _linters()
    yield from _coverage()
    yield Case("cyclonedx-npm", "7", "", partial(_cyclonedx_npm, count=7), {"components": 7})


def _runners() -> Iterator[Case]:
    makers: tuple[tuple[str, Callable[[Path, Mix], Path]], ...] = (
        ("pytest 7.4", _pytest),
        ("green", _green),
        ("behave 1.2", _behave),
        ("Robot Framework 6", _robot),
        ("subunit2junitxml", _subunit),
        ("Playwright", _playwright),
        ("Bats", _bats),
        ("Deno", _deno),
        ("Bun", _bun),
        ("Jasmine", _jasmine),
        ("CTest", _ctest),
        ("Meson", _meson),
        ("GoogleTest", _gtest),
    )
    for tool, make in makers:
        for mix in MIXES:
            yield _case(tool, mix, make)
    # These three know no skipping, or no difference between failing and breaking.
    for mix in (Mix(5, 0, 0, 0), Mix(3, 2, 0, 0)):
        yield _case("Avocado", mix, _avocado)
        yield _case("Radish", mix, _radish)
    for mix in (Mix(4, 0, 0, 0), Mix(2, 3, 0, 1)):
        yield _case("kubeconform", mix, _kubeconform)


def _case(tool: str, mix: Mix, make: Callable[[Path, Mix], Path]) -> Case:
    bad = mix.failed + mix.broken
    truth = {"total": sum(mix), "passed": mix.passed, "failed": bad, "skipped": mix.skipped}
    status = "fail" if bad else "pass"
    return Case(tool, "/".join(map(str, mix)), "junit", partial(make, mix=mix), truth, status)


def _pytest(folder: Path, mix: Mix) -> Path:
    (folder / "test_shop.py").write_text(suites.pytest(mix))
    run(python("python"), "-m", "pytest", "-q", "--junitxml=r.xml", cwd=folder)
    return folder / "r.xml"


def _green(folder: Path, mix: Mix) -> Path:
    (folder / "test_shop.py").write_text(suites.unittest(mix))
    run(python("green"), "--processes", "1", "--junit-report", "r.xml", "test_shop", cwd=folder)
    return folder / "r.xml"


def _behave(folder: Path, mix: Mix) -> Path:
    (folder / "features" / "steps").mkdir(parents=True)
    (folder / "features" / "shop.feature").write_text(suites.behave(mix))
    (folder / "features" / "steps" / "steps.py").write_text(suites.BEHAVE_STEPS)
    run(python("behave"), "--junit", "--junit-directory", "out", "--tags=~@skip", cwd=folder)
    [path] = (folder / "out").glob("*.xml")
    return path


def _robot(folder: Path, mix: Mix) -> Path:
    (folder / "shop.robot").write_text(suites.robot(mix))
    run(python("robot"), "--xunit", "r.xml", "--log", "NONE", "--report", "NONE", "shop.robot", cwd=folder)
    return folder / "r.xml"


def _subunit(folder: Path, mix: Mix) -> Path:
    (folder / "test_shop.py").write_text(suites.unittest(mix))
    script = f"{python('python')} -m subunit.run test_shop | {python('subunit2junitxml')} -o r.xml"
    run("sh", "-c", script, cwd=folder)
    return folder / "r.xml"


def _radish(folder: Path, mix: Mix) -> Path:
    (folder / "features").mkdir()
    (folder / "radish").mkdir()
    (folder / "features" / "shop.feature").write_text(suites.behave(mix))
    steps = suites.BEHAVE_STEPS.replace("from behave", "from radish").replace("(context)", "(step)")
    (folder / "radish" / "steps.py").write_text(steps)
    run(python("radish"), "--junit-xml", "r.xml", "features", cwd=folder, PWD=str(folder))
    return folder / "r.xml"


def _avocado(folder: Path, mix: Mix) -> Path:
    names = []
    for at in range(sum(mix)):
        path = folder / f"case_{at}.sh"
        path.write_text(f"#!/bin/sh\nexit {int(at >= mix.passed)}\n")
        path.chmod(0o755)
        names.append(f"./{path.name}")
    run(python("avocado"), "run", "--disable-sysinfo", "--xunit", "r.xml", *names, cwd=folder)
    return folder / "r.xml"


def _playwright(folder: Path, mix: Mix) -> Path:
    (folder / "node_modules").symlink_to(modules())
    (folder / "package.json").write_text('{"name": "shop", "type": "module"}')
    (folder / "shop.spec.js").write_text(suites.javascript("import {test} from '@playwright/test';\n")(mix))
    more = {"PLAYWRIGHT_JUNIT_OUTPUT_NAME": "r.xml"}
    run(node("playwright"), "test", "--reporter=junit", "--workers=1", cwd=folder, **more)
    return folder / "r.xml"


def _bats(folder: Path, mix: Mix) -> Path:
    bodies = ("true", "false", "no_such_program", "skip later")
    rows, at = [], 0
    for count, body in zip(mix, bodies, strict=True):
        for _ in range(count):
            rows.append(f'@test "case {at}" {{\n  {body}\n}}\n')
            at += 1
    (folder / "shop.bats").write_text("".join(rows))
    (folder / "out").mkdir()
    run(
        modules() / "bats/bin/bats", "--report-formatter", "junit", "--output", "out", "shop.bats", cwd=folder
    )
    return folder / "out" / "report.xml"


def _deno(folder: Path, mix: Mix) -> Path:
    head = "const test = Deno.test; test.skip = Deno.test.ignore;\n"
    (folder / "shop.test.js").write_text(suites.javascript(head)(mix))
    run(node("deno"), "test", "--no-check", "--junit-path=r.xml", "shop.test.js", cwd=folder)
    return folder / "r.xml"


def _bun(folder: Path, mix: Mix) -> Path:
    (folder / "shop.test.js").write_text(suites.javascript("import {test} from 'bun:test';\n")(mix))
    run(node("bun"), "test", "--reporter=junit", "--reporter-outfile=r.xml", cwd=folder)
    return folder / "r.xml"


def _jasmine(folder: Path, mix: Mix) -> Path:
    (folder / "node_modules").symlink_to(modules())
    head = (
        "const {JUnitXmlReporter} = require('jasmine-reporters');\n"
        "jasmine.getEnv().addReporter(new JUnitXmlReporter({savePath: 'out', filePrefix: 'r'}));\n"
        "const test = it; test.skip = xit;\n"
    )
    inner = suites.javascript("")(mix)
    (folder / "shop_spec.js").write_text(f"{head}describe('shop', () => {{\n{inner}}});\n")
    run(node("jasmine"), "--random=false", "shop_spec.js", cwd=folder)
    return folder / "out" / "r.xml"


def _ctest(folder: Path, mix: Mix) -> Path:
    text, at = "cmake_minimum_required(VERSION 3.21)\nproject(shop NONE)\nenable_testing()\n", 0
    for count, body in zip(mix, ("true", "false", "no-such-verb", "true"), strict=True):
        for _ in range(count):
            text += f"add_test(NAME case_{at} COMMAND ${{CMAKE_COMMAND}} -E {body})\n"
            if at >= sum(mix[:3]):
                text += f"set_tests_properties(case_{at} PROPERTIES DISABLED TRUE)\n"
            at += 1
    (folder / "CMakeLists.txt").write_text(text)
    run("cmake", "-S", ".", "-B", "b", cwd=folder, check=True)
    run("ctest", "--test-dir", "b", "--output-junit", folder / "r.xml", cwd=folder)
    return folder / "r.xml"


def _meson(folder: Path, mix: Mix) -> Path:
    text, at = "project('shop')\n", 0
    for count, code in zip(mix, (0, 1, 99, 77), strict=True):
        script = folder / f"exit{code}.sh"
        script.write_text(f"#!/bin/sh\nexit {code}\n")
        script.chmod(0o755)
        for _ in range(count):
            text += f"test('case {at}', find_program('{script}'))\n"
            at += 1
    (folder / "meson.build").write_text(text)
    run(python("meson"), "setup", "b", cwd=folder, check=True)
    run(python("meson"), "test", "-C", "b", cwd=folder)
    return folder / "b/meson-logs/testlog.junit.xml"


def _gtest(folder: Path, mix: Mix) -> Path:
    shapes = (
        "TEST(Shop, Case{i}) {{}}\n",
        "TEST(Shop, Case{i}) {{ EXPECT_EQ(1, 2); }}\n",
        'TEST(Shop, Case{i}) {{ throw std::runtime_error("x"); }}\n',
        "TEST(Shop, Case{i}) {{ GTEST_SKIP(); }}\n",
    )
    rows = [shape.format(i=f"{k}_{i}") for k, shape in enumerate(shapes) for i in range(mix[k])]
    (folder / "shop.cc").write_text("#include <gtest/gtest.h>\n#include <stdexcept>\n" + "".join(rows))
    run("g++", "shop.cc", "-o", "shop", "-lgtest", "-lgtest_main", "-pthread", cwd=folder, check=True)
    run("./shop", "--gtest_output=xml:r.xml", cwd=folder)
    return folder / "r.xml"


def _kubeconform(folder: Path, mix: Mix) -> Path:
    schema = {"type": "object", "required": ["spec"]}
    (folder / "thing.json").write_text(json.dumps(schema))
    rows = []
    for at in range(sum(mix)):
        kind = "Other" if at >= mix.passed + mix.failed else "Thing"
        row: dict[str, Any] = {"apiVersion": "v1", "kind": kind, "metadata": {"name": f"n{at}"}}
        rows.append(json.dumps(row | ({"spec": {}} if at < mix.passed else {})))
    (folder / "all.yaml").write_text("\n---\n".join(rows))
    where = ("-schema-location", "{{.ResourceKind}}.json", "-skip", "Other")
    told = run(go("kubeconform"), "-output", "junit", *where, "all.yaml", cwd=folder).stdout
    (folder / "r.xml").write_text(told)
    return folder / "r.xml"


def _linters() -> Iterator[Case]:
    def found(tool: str, form: str, count: int, make: Callable[..., Path], **levels: int) -> Case:
        status = "fail" if count and (form == "junit" or levels.get("error")) else "pass"
        if not count and form == "junit" and tool in EMPTY:
            status = "not_verified"
        truth: dict[str, Any] = {"failed": count} if form == "junit" else {"total": count}
        if levels:
            truth["levels"] = levels
        return Case(tool, f"{form} {count}", form, partial(make, count=count, form=form), truth, status)

    for count in (0, 3):
        yield found("flake8", "junit", count, _flake8)
        yield found("Spectral", "junit", count, _spectral)
        yield found("markdownlint-cli2", "junit", count, _markdownlint)
        yield found("Biome", "junit", count, _biome)
        yield found("Oxlint", "junit", count, _oxlint)
        yield found("Semgrep", "junit", count, _semgrep)
        yield found("Spectral", "sarif", count, _spectral, **({"error": count} if count else {}))
        error = {"error": count} if count else {}
        yield found("markdownlint-cli2", "sarif", count, _markdownlint, **error)
    yield Case("typos", "sarif 4", "sarif", partial(_typos, count=4), {"total": 4}, "fail")
    yield Case("typos", "sarif 0", "sarif", partial(_typos, count=0), {"total": 0})
    # One finding for each use of MD5 (medium, gosec's own severity), and one for the import of it.
    yield Case("gosec", "sarif 3", "sarif", partial(_gosec, count=3, form="sarif"), {"total": 4}, "fail")
    yield Case("gosec", "junit 3", "junit", partial(_gosec, count=3, form="junit-xml"), {"failed": 4}, "fail")
    yield Case("Staticcheck", "sarif 2", "sarif", partial(_staticcheck, count=2), {"total": 2}, "fail")
    yield Case("Staticcheck", "sarif 0", "sarif", partial(_staticcheck, count=0), {"total": 0})


def _told(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def _flake8(folder: Path, count: int, form: str) -> Path:
    (folder / "shop.py").write_text("".join(f"import m{i}\n" for i in range(count)) or SOURCE)
    told = run(python("flake8"), "--select=F401", f"--format={form}-xml", "shop.py", cwd=folder)
    return _told(folder, "r.xml", told.stdout)


def _spectral(folder: Path, count: int, form: str) -> Path:
    then = {"field": "bad", "function": "falsy"}
    rules = {"no-bad": {"given": "$.items[*]", "severity": "error", "message": "bad", "then": then}}
    (folder / ".spectral.json").write_text(json.dumps({"rules": rules}))
    items = [{"bad": at < count} for at in range(count + 2)]
    (folder / "api.json").write_text(json.dumps({"items": items}, indent=1))
    arguments = ("lint", "api.json", "--ruleset", ".spectral.json", "-f", form, "-o", "r.out")
    run(node("spectral"), *arguments, cwd=folder)
    return folder / "r.out"


def _markdownlint(folder: Path, count: int, form: str) -> Path:
    (folder / "node_modules").symlink_to(modules())
    (folder / "page.md").write_text("# Page\n\n" + "a\tb\n" * count + "c\n")
    out = [[f"markdownlint-cli2-formatter-{form}", {"name": "r.out"}]]
    settings = {"config": {"default": False, "MD010": True}, "outputFormatters": out}
    (folder / ".markdownlint-cli2.jsonc").write_text(json.dumps(settings))
    run(node("markdownlint-cli2"), "page.md", cwd=folder)
    return folder / "r.out"


def _biome(folder: Path, count: int, form: str) -> Path:
    (folder / "shop.js").write_text("debugger;\n" * count + "const x = 1;\nexport { x };\n")
    told = run(
        node("biome"), "lint", f"--reporter={form}", "--only=suspicious/noDebugger", "shop.js", cwd=folder
    )
    return _told(folder, "r.xml", told.stdout)


def _oxlint(folder: Path, count: int, form: str) -> Path:
    (folder / "shop.js").write_text("debugger;\n" * count + "export const x = 1;\n")
    told = run(node("oxlint"), "-A", "all", "-D", "no-debugger", "-f", form, "shop.js", cwd=folder)
    return _told(folder, "r.xml", told.stdout)


def _semgrep(folder: Path, count: int, form: str) -> Path:
    rule = {"id": "a", "pattern": "a(...)", "message": "a", "languages": ["python"], "severity": "ERROR"}
    (folder / "rules.yml").write_text(json.dumps({"rules": [rule]}))
    (folder / "shop.py").write_text("a(1)\n" * count + SOURCE)
    arguments = ("scan", "--config", "rules.yml", "--metrics=off", "--disable-version-check", "--quiet")
    told = run(known_python("semgrep"), *arguments, f"--{form}-xml", "shop.py", cwd=folder)
    return _told(folder, "r.xml", told.stdout)


def _typos(folder: Path, count: int) -> Path:
    (folder / "page.txt").write_text("teh\n" * count + "the\n")
    told = run(python("typos"), "--format", "sarif", "page.txt", cwd=folder)
    return _told(folder, "r.sarif", told.stdout)


def _gosec(folder: Path, count: int, form: str) -> Path:
    uses = "".join(f"var h{i} = md5.New()\n" for i in range(count))
    (folder / "go.mod").write_text("module example.org/shop\n\ngo 1.21\n")
    (folder / "shop.go").write_text(f'package shop\n\nimport "crypto/md5"\n\n{uses}')
    run(go("gosec"), "-quiet", "-fmt", form, "-out", "r.out", "./...", cwd=folder)
    return folder / "r.out"


def _staticcheck(folder: Path, count: int) -> Path:
    uses = "".join(f"func F{i}(x int) int {{\n\tx = x\n\treturn x\n}}\n" for i in range(count))
    (folder / "go.mod").write_text("module example.org/shop\n\ngo 1.21\n")
    (folder / "shop.go").write_text(f"package shop\n\nfunc G() {{}}\n{uses}")
    told = run(go("staticcheck"), "-checks", "SA4018", "-f", "sarif", "./...", cwd=folder)
    return _told(folder, "r.sarif", told.stdout)


def _coverage() -> Iterator[Case]:
    for form in ("json", "xml"):
        truth = {"covered_lines": 9, "statements": 13}
        yield Case("SlipCover", form, "", partial(_slipcover, form=form), truth)
    # gcov counts the line of each function and its statements.
    truth = {"covered_lines": 3 + 4, "statements": 3 + 4 + 2}
    for form in ("cobertura", "lcov"):
        yield Case("gcovr", form, "", partial(_gcovr, form=form), truth)
    truth = {"covered_lines": 5, "statements": 8}
    for form, name in (("lcovonly", "lcov.info"), ("cobertura", "cobertura-coverage.xml")):
        yield Case("nyc", form, "", partial(_nyc, form=form, name=name), truth)
    # Bun counts the statements of a function, and one line more; its own table agrees.
    truth = {"covered_lines": 4, "statements": 8}
    yield Case("Bun", "lcov", "", _bun_coverage, truth)


def _slipcover(folder: Path, form: str) -> Path:
    (folder / "shop.py").write_text(suites.covered(6, 4))
    run(python("python"), "-m", "slipcover", f"--{form}", "--out", "r.out", "shop.py", cwd=folder, check=True)
    return folder / "r.out"


def _gcovr(folder: Path, form: str) -> Path:
    source = "int used(void) {\n  volatile int x = 1;\n  return x;\n}\nint unused(void) {\n  return 2;\n}\n"
    source += "int main(void) {\n  int a = used();\n  a += 1;\n  return a - 2;\n}\n"
    (folder / "shop.c").write_text(source)
    run("gcc", "-O0", "--coverage", "shop.c", "-o", "shop", cwd=folder, check=True)
    run("./shop", cwd=folder, check=True)
    run(python("gcovr"), f"--{form}", "r.out", cwd=folder, check=True)
    return folder / "r.out"


def _nyc(folder: Path, form: str, name: str) -> Path:
    used = "function used() {\n  let a = 1;\n  a += 1;\n  return a;\n}\n"
    unused = "function unused() {\n  let b = 1;\n  b += 1;\n  return b;\n}\n"
    (folder / "package.json").write_text('{"name": "shop"}')
    (folder / "shop.js").write_text(f"{used}{unused}const r = used();\nconsole.log(r);\n")
    run(node("nyc"), "--reporter", form, "--report-dir", "out", "node", "shop.js", cwd=folder, check=True)
    return folder / "out" / name


def _bun_coverage(folder: Path) -> Path:
    (folder / "shop.js").write_text(
        "export function used() {\n  let a = 1;\n  a += 1;\n  return a;\n}\n"
        "export function unused() {\n  let b = 1;\n  b += 1;\n  return b;\n}\n"
    )
    (folder / "shop.test.js").write_text(
        "import {test} from 'bun:test';\nimport {used} from './shop.js';\ntest('x', () => { used(); });\n"
    )
    run(node("bun"), "test", "--coverage", "--coverage-reporter=lcov", "--coverage-dir=out", cwd=folder)
    return folder / "out" / "lcov.info"


def _cyclonedx_npm(folder: Path, count: int) -> Path:
    names = [f"made-up-{i}" for i in range(count)]
    root = {"name": "shop", "version": "1.0.0", "dependencies": dict.fromkeys(names, "1.0.0")}
    (folder / "package.json").write_text(json.dumps(root))
    packages: dict[str, Any] = {"": root}
    packages |= {f"node_modules/{name}": {"version": "1.0.0", "license": "MIT"} for name in names}
    lock = {"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "packages": packages}
    (folder / "package-lock.json").write_text(json.dumps(lock))
    run(node("cyclonedx-npm"), "--package-lock-only", "--output-file", "bom.json", cwd=folder)
    return folder / "bom.json"
