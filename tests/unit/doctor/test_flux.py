"""Dev's marker is Flux's to move; production's is not."""

import pytest

from signalbox.doctor.flux import check_update_paths

AUTOMATION = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nspec: {update: %s}\n"
MARKED = 'image: shop:1.0 # {"$imagepolicy": "flux-system:shop"}\n'


def repository(folder, update):
    for name, text in {"flux/auto.yaml": AUTOMATION % update, "clusters/prod/shop.yaml": MARKED,
                       "clusters/dev/shop.yaml": MARKED}.items():  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return check_update_paths(folder)


@pytest.mark.parametrize("update", ["{}", "{path: ./}", "{path: clusters}", "{path: ./clusters/prod}"])
def test_an_automation_that_reaches_production_is_found(tmp_path, update):
    [check] = repository(tmp_path, update)
    assert check.state == "missing"
    assert "clusters/prod/shop.yaml" in check.found
    assert "update.path" in check.fix


@pytest.mark.parametrize("update", ["{path: ./clusters/dev}", "{path: clusters/dev/}"])
def test_an_automation_of_dev_alone_is_ok(tmp_path, update):
    assert repository(tmp_path, update)[0].state == "ok"


def test_one_that_pushes_to_a_branch_of_its_own_waits_for_a_pull_request(tmp_path):
    aside = "{}, git: {checkout: {ref: {branch: main}}, push: {branch: flux}}"
    assert repository(tmp_path, aside)[0].state == "ok"
    straight = "{}, git: {checkout: {ref: {branch: main}}, push: {branch: main}}"
    assert repository(tmp_path, straight)[0].state == "missing"


def test_one_that_cannot_be_read_is_not_verified(tmp_path):
    (tmp_path / "a.yaml").write_text("kind: ImageUpdateAutomation\n  x: [\n")
    assert check_update_paths(tmp_path)[0].state == "not_verified"


def test_a_repository_without_flux_is_asked_nothing(tmp_path):
    (tmp_path / "a.yaml").write_text("kind: Deployment\n")
    assert check_update_paths(tmp_path) == []
