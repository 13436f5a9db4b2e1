"""Inputs that several actions share do the same in each of them."""

import json

import shop

COMMON = {
    "repo": "nested",
    "config": ".github/other.yml",
    "policy-ref": "HEAD",
    "environment": "staging",
    "ledger": "records",
    "out": "decision.json",
    "bundles": "bundles",
    "mode": "advise",
    "fail-on": "never",
}


def look(*commands):
    lines = "\n".join(f"echo {name}=$({command}) >> $GITHUB_OUTPUT" for name, command in commands)
    return [{"id": "look", "run": lines}]


def test_a_deciding_action_takes_them_all(runner, repository):
    """plan-concurrency stands for all that decide: the spine they share reads these."""
    made = repository(shop.FILES)
    made.commit("policy", {".github/other.yml": "mode: observe\nmodules: {app: {command: make}}\n"})
    made.git("clone", "-q", ".", "nested")
    made.git("-C", "nested", "remote", "set-url", "origin", "https://github.com/acme/shop")
    clone = [{"run": "git clone -q . nested"}]
    after = look(
        ("decision", "tr -d '\\n' < decision.json"),
        ("bundles", "ls bundles | wc -l"),
        ("records", "find records -name '*.json' | wc -l"),
    )
    run = runner.use(made, "plan-concurrency", COMMON, before=clone, after=after)
    assert run.code == 0, run.explain()
    seen = run.outputs("look")
    decision = json.loads(seen["decision"])
    assert decision["subject"]["environment"] == "staging"
    assert decision["mode"] == "advise" == run.outputs("used")["mode"]
    assert decision["policy"]["source"] == ".github/other.yml"
    assert decision["policy"]["commit"] == made.git("rev-parse", "HEAD")
    assert (seen["bundles"], seen["records"]) == ("1", "1")
