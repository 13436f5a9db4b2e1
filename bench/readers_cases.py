"""Reports of real tools, each with the truth that was written into what the tool looked at."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import readers_suites as suites
from readers_case import Case
from readers_junit import junit, ruff
from readers_tools import HOME, go, node, python, run, rust


def every() -> Iterator[Case]:
    """All of them."""
    yield from junit()
    yield from _sarif()
    yield from _coverage()
    yield from _others()


def _findings(**levels: int) -> dict[str, Any]:
    return {"total": sum(levels.values()), "levels": {key: value for key, value in levels.items() if value}}


def _sarif() -> Iterator[Case]:
    for count in (0, 1, 25):
        status = "fail" if count else "pass"
        make = ruff(count, "sarif", "r.sarif")
        yield Case("Ruff", f"SARIF, {count}", "sarif", make, _findings(error=count), status)
    for count in (0, 2, 9):
        yield Case("Bandit", f"{count} evals", "sarif", _bandit(count), _findings(warning=count))
    for errors, warnings in ((0, 0), (2, 3), (0, 4)):
        status = "fail" if errors else "pass"
        truth = _findings(error=errors, warning=warnings)
        yield Case("ESLint", f"{errors}+{warnings}", "sarif", _eslint(errors, warnings), truth, status)
    for errors, warnings, notes in ((0, 0, 0), (2, 1, 3), (0, 3, 0)):
        status = "fail" if errors else "pass"
        truth = _findings(error=errors, warning=warnings, note=notes)
        make = _semgrep(errors, warnings, notes)
        yield Case("Semgrep", f"{errors}+{warnings}+{notes}", "sarif", make, truth, status)
    for count in (1, 3):
        yield Case("zizmor", f"{count} steps", "sarif", _zizmor(count), {"total": count}, "fail")


def _bandit(count: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "shop.py").write_text("".join(f"x{i} = eval('{i}')\n" for i in range(count)) or "x = 1\n")
        run(python("bandit"), "-q", "-f", "sarif", "-o", "r.sarif", "shop.py", cwd=folder)
        return folder / "r.sarif"

    return make


def _eslint(errors: int, warnings: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        rules = '{rules: {"no-eval": "error", "no-debugger": "warn"}}'
        (folder / "eslint.config.mjs").write_text(f"export default [{rules}];\n")
        (folder / "shop.js").write_text("eval('1');\n" * errors + "debugger;\n" * warnings)
        (folder / "node_modules").symlink_to(HOME / "js/node_modules")
        form = HOME / "js/node_modules/@microsoft/eslint-formatter-sarif/sarif.js"
        run(node("eslint"), "-f", form, "-o", "r.sarif", "shop.js", cwd=folder)
        return folder / "r.sarif"

    return make


def _semgrep(*counts: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        rules, source = [], "x = 1\n"
        for count, (word, name) in zip(
            counts, (("ERROR", "a"), ("WARNING", "b"), ("INFO", "c")), strict=True
        ):
            one = {"id": name, "pattern": f"{name}(...)", "message": name, "languages": ["python"]}
            rules.append(one | {"severity": word})
            source += f"{name}(1)\n" * count
        (folder / "rules.yml").write_text(json.dumps({"rules": rules}))
        (folder / "shop.py").write_text(source)
        arguments = ("scan", "--config", "rules.yml", "--metrics=off", "--disable-version-check", "--quiet")
        told = run(python("semgrep"), *arguments, "--sarif", "shop.py", cwd=folder).stdout
        (folder / "r.sarif").write_text(told)
        return folder / "r.sarif"

    return make


def _zizmor(count: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / ".github/workflows").mkdir(parents=True)
        steps = '      - run: echo "${{ github.event.issue.title }}"\n' * count
        (folder / ".github/workflows/ci.yml").write_text(
            "name: ci\non: issues\npermissions: {}\nconcurrency: {group: a, cancel-in-progress: true}\n"
            f"jobs:\n  a:\n    name: a\n    runs-on: ubuntu-latest\n    steps:\n{steps}"
        )
        told = run(
            python("zizmor"), "--offline", "--no-progress", "--format", "sarif", ".", cwd=folder
        ).stdout
        (folder / "r.sarif").write_text(told)
        return folder / "r.sarif"

    return make


def _coverage() -> Iterator[Case]:
    for lines, other in ((6, 2), (50, 0), (3, 30)):
        # Both def lines and the call run as well; a function without a body of its own has one statement.
        truth = {"covered_lines": lines + 3, "statements": lines + 3 + max(other, 1)}
        for form, name in (("json", "r.json"), ("xml", "r.xml"), ("lcov", "r.info")):
            yield Case(
                "coverage.py", f"{form} {lines}/{other}", "", _coverage_py(lines, other, form, name), truth
            )
    for lines, other in ((4, 6), (9, 0)):
        for form, name in (("lcov", "lcov.info"), ("cobertura", "cobertura-coverage.xml")):
            yield Case(
                "c8", f"{form} {lines}/{other}", "", _c8(lines, other, form, name), _c8_truth(lines, other)
            )


def _coverage_py(lines: int, other: int, form: str, name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "shop.py").write_text(suites.covered(lines, max(other, 1)))
        run(python("coverage"), "run", "shop.py", cwd=folder, check=True)
        run(python("coverage"), form, "-o", name, cwd=folder, check=True)
        return folder / name

    return make


def _c8_truth(lines: int, other: int) -> dict[str, Any]:
    # V8 marks the body of a function that never ran, its closing brace included.
    return {"covered_lines": lines + 3, "statements": lines + 3 + other + 2 if other else lines + 3}


def _c8(lines: int, other: int, form: str, name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        used = "".join(f"  let x{i} = {i};\n" for i in range(lines))
        unused = "".join(f"  let y{i} = {i};\n" for i in range(other))
        more = f"function unused() {{\n{unused}}}\n" if other else ""
        (folder / "shop.js").write_text(f"function used() {{\n{used}}}\n{more}used();\n")
        run(node("c8"), "--reporter", form, "--reports-dir", "out", "node", "shop.js", cwd=folder, check=True)
        return folder / "out" / name

    return make


def _others() -> Iterator[Case]:
    for count in (3, 40):
        truth = {"components": count}
        yield Case("cyclonedx-py", f"{count} requirements", "", _cyclonedx(count), truth)
        for form in ("cyclonedx", "spdx"):
            yield Case("npm sbom", f"{form}, {count}", "", _npm(count, form), truth)
    yield Case("pip-audit", "nothing could be audited", "", _pip_audit, {"packages": 2}, "not_verified")
    for count in (1, 4):
        yield Case("pytest-benchmark", f"{count}", "", _pytest_benchmark(count), {"benchmarks": count})
        yield Case("hyperfine", f"{count}", "", _hyperfine(count), {"benchmarks": count})
        yield Case("go test -bench", f"{count}", "", _go_bench(count), {"benchmarks": count})


def _cyclonedx(count: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "requirements.txt").write_text("".join(f"made-up-{i}==1.{i}\n" for i in range(count)))
        run(python("cyclonedx-py"), "requirements", "-o", "bom.json", cwd=folder, check=True)
        return folder / "bom.json"

    return make


def _npm(count: int, form: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        names = [f"made-up-{i}" for i in range(count)]
        root = {"name": "shop", "version": "1.0.0", "dependencies": dict.fromkeys(names, "1.0.0")}
        (folder / "package.json").write_text(json.dumps(root))
        packages: dict[str, Any] = {"": root}
        for name in names:
            packages[f"node_modules/{name}"] = {"version": "1.0.0", "license": "MIT"}
            (folder / "node_modules" / name).mkdir(parents=True)
            about = json.dumps({"name": name, "version": "1.0.0", "license": "MIT"})
            (folder / "node_modules" / name / "package.json").write_text(about)
        lock = {"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "packages": packages}
        (folder / "package-lock.json").write_text(json.dumps(lock))
        told = run("npm", "sbom", "--sbom-format", form, cwd=folder, check=True).stdout
        (folder / "bom.json").write_text(told)
        return folder / "bom.json"

    return make


def _pip_audit(folder: Path) -> Path:
    """Names that no index has: each dependency is skipped, and the exit code is 0."""
    (folder / "r.txt").write_text("signalbox-made-up-a==1.0\nsignalbox-made-up-b==1.0\n")
    arguments = ("-r", "r.txt", "--no-deps", "--disable-pip", "-f", "json", "-o", "r.json")
    run(python("pip-audit"), *arguments, cwd=folder)
    return folder / "r.json"


def _pytest_benchmark(count: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        tests = "".join(f"def test_{i}(benchmark): benchmark(sum, range(100))\n" for i in range(count))
        (folder / "test_speed.py").write_text(tests)
        arguments = ("--benchmark-json=r.json", "--benchmark-min-rounds=3", "--benchmark-max-time=0.05")
        run(python("python"), "-m", "pytest", "-q", *arguments, cwd=folder, check=True)
        return folder / "r.json"

    return make


def _hyperfine(count: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        commands = [f"{sys.executable} -I -S -c {i}" for i in range(count)]
        arguments = ("-N", "--runs", "3", "--export-json", "r.json")
        run(rust("hyperfine"), *arguments, *commands, cwd=folder, check=True)
        return folder / "r.json"

    return make


def _go_bench(count: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "go.mod").write_text("module example.org/shop\n\ngo 1.21\n")
        shape = "func Benchmark{}(b *testing.B) {{ for i := 0; i < b.N; i++ {{ _ = i * i }} }}\n"
        source = "".join(shape.format(chr(65 + i)) for i in range(count))
        (folder / "shop_test.go").write_text('package shop\nimport "testing"\n' + source)
        told = run(go("go"), "test", "-bench=.", "-benchtime=10x", "./...", cwd=folder, check=True).stdout
        (folder / "r.txt").write_text(told)
        return folder / "r.txt"

    return make
