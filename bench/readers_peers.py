"""Run by the Python of the readers' environment: what junitparser and sarif-tools make of the same files.

Reads {"junit": [paths], "sarif": [paths], "seconds": 3} on stdin, writes {path: answer or null} on stdout.
"""

import json
import resource
import signal
import sys


def junit(path):
    from junitparser import JUnitXml

    counts = {"total": 0, "failed": 0, "skipped": 0}

    def walk(node):
        for item in node:
            if type(item).__name__ == "TestCase":
                told = {type(result).__name__ for result in item.result}
                counts["total"] += 1
                counts["failed"] += bool(told & {"Failure", "Error"})
                counts["skipped"] += "Skipped" in told and not told & {"Failure", "Error"}
            else:
                walk(item)
        if type(node).__name__ == "TestSuite":
            for suite in node.testsuites():
                walk(suite)

    walk(JUnitXml.fromfile(path))
    counts["passed"] = counts["total"] - counts["failed"] - counts["skipped"]
    return counts


def sarif(path):
    from sarif import loader

    issues = loader.load_sarif_file(path).get_report()
    counted = {level: issues.get_issue_count_for_severity(level) for level in issues.get_severities()}
    levels = {level: count for level, count in counted.items() if count}
    return {"total": sum(levels.values()), "levels": levels}


def ring(_signal, _frame):
    raise TimeoutError


def main():
    asked = json.load(sys.stdin)
    # Some files are a gibibyte of nothing; a peer that wants to hold one fails instead of the machine.
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    signal.signal(signal.SIGALRM, ring)
    answers = {}
    for kind, reader in (("junit", junit), ("sarif", sarif)):
        for path in asked.get(kind, ()):
            signal.alarm(asked.get("seconds", 10))
            try:
                answers[path] = reader(path)
            except (Exception, SystemExit):
                answers[path] = None
            finally:
                signal.alarm(0)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
