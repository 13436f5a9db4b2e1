"""``validate-dispatch``: a good event gives its payload, a bad one fails the job, naming the field."""

import json

import pytest

DIGEST = "sha256:" + "ab" * 32
GOOD = {"environment": "production", "digest": DIGEST, "severity": "high", "reason": "Checkout fails."}


def test_a_good_event_is_handed_on(runner, repository):
    inputs = {"event-type": "signalbox-rollback", "payload": json.dumps(GOOD)}
    run = runner.use(repository({"a": "b"}), "validate-dispatch", inputs)
    assert run.code == 0, run.explain()
    assert run.outputs("used")["capability"] == "rollback"
    assert json.loads(run.outputs("used")["payload"]) == GOOD


def test_the_payload_may_come_from_a_file(runner, repository):
    shop = repository({"payload.json": json.dumps(GOOD)})
    inputs = {"event-type": "signalbox-rollback", "payload-file": "payload.json", "repo": "."}
    run = runner.use(shop, "validate-dispatch", inputs)
    assert json.loads(run.outputs("used")["payload"]) == GOOD


@pytest.mark.parametrize(
    "bad", [{"severity": "urgent"}, {"digest": "latest"}, {"reason": "$(id)"}, {"url": "http://127.0.0.1/"}]
)
def test_a_bad_event_fails_the_job_in_every_mode(runner, repository, bad):
    shop = repository({".github/signalbox.yml": "mode: observe\n"})
    inputs = {"event-type": "signalbox-rollback", "payload": json.dumps(GOOD | bad)}
    run = runner.use(shop, "validate-dispatch", inputs)
    assert run.code == 1
    assert "payload" not in run.outputs("used")
    assert next(iter(bad)) in run.annotations("error")[0]
