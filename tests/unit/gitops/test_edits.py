"""Edits of files that people wrote: the intended bytes change, every other byte stays."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.errors import InputError
from signalbox.gitops import set_kustomize_image, set_markers, set_policy_range, set_value

DIGEST = "sha256:" + "d" * 64
POLICY = """\
# The shop's image. Do not reorder.
apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImagePolicy
metadata: {name: shop,   namespace: flux-system}
spec:
    imageRepositoryRef:
        name: shop   # two spaces
    policy:
        semver:
            range:  '>=1.0.0 <1.4.0'     # set by promotion
---
apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImagePolicy
metadata:
  name: other
spec: {policy: {semver: {range: 2.0.0}}}
"""
MANIFEST = """\
kind: Deployment
spec:
  template:
    spec:
      containers:
      - name: shop
        image: ghcr.io/team/shop:1.0.0 # {"$imagepolicy": "flux-system:shop"}
      - name: helper
        image: ghcr.io/team/helper:1.0.0 # {"$imagepolicy": "flux-system:helper"}
      - env: [{name: A, value: "1.0"}]
values:
  tag: "1.0.0"   # {"$imagepolicy": "flux-system:shop:tag"}
  name: ghcr.io/team/shop # {"$imagepolicy": "flux-system:shop:name"}
"""
KUSTOMIZE = """\
resources: [deployment.yaml]
images:
  - name: app
    newName: ghcr.io/team/app
    newTag: "1.3.0"  # by promotion
  - name: db
    digest: sha256:0000
"""


LAUGHS = b"a0: &a0 [x,x,x,x,x,x,x,x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 8)) for i in range(1, 9)
)
TWO = b'{a: 1.0, b: 2.0} # {"$imagepolicy": "f:s:tag"}\n'


def only(before: str, after: bytes, old: str, new: str) -> bool:
    return after.decode() == before.replace(old, new, 1) and before.count(old) >= 1


def test_a_range_is_set_in_its_own_quotes_and_nothing_else_moves() -> None:
    edit = set_policy_range(POLICY.encode(), ">=1.4.0 <1.5.0", name="p.yaml", policy="shop")
    assert only(POLICY, edit.after, ">=1.0.0 <1.4.0", ">=1.4.0 <1.5.0")
    [(where, old, new)] = edit.changes
    assert where == "p.yaml:10 spec.policy.semver.range"
    assert (old, new) == (">=1.0.0 <1.4.0", ">=1.4.0 <1.5.0")


def test_a_plain_version_that_would_stop_being_text_is_quoted() -> None:
    edit = set_policy_range(POLICY.encode(), "^2.1.0", name="p", policy="other")
    assert only(POLICY, edit.after, "range: 2.0.0}", 'range: "^2.1.0"}')
    assert list(yaml.safe_load_all(edit.after))[1]["spec"]["policy"]["semver"]["range"] == "^2.1.0"


def test_setting_the_same_value_again_changes_nothing() -> None:
    edit = set_policy_range(POLICY.encode(), "2.0.0", name="p", policy="other")
    assert not edit.changed
    assert edit.changes == ()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark_stay(newline: str, mark: str) -> None:
    before = mark + POLICY.replace("\n", newline)
    edit = set_policy_range(before.encode(), "1.4.2", name="p", policy="shop")
    assert only(before, edit.after, ">=1.0.0 <1.4.0", "1.4.2")


def test_markers_are_set_as_flux_sets_them() -> None:
    edit = set_markers(MANIFEST.encode(), "flux-system:shop", "ghcr.io/team/shop", "1.4.2", DIGEST, name="m")
    expected = MANIFEST.replace("ghcr.io/team/shop:1.0.0", f"ghcr.io/team/shop:1.4.2@{DIGEST}")
    expected = expected.replace('tag: "1.0.0"', 'tag: "1.4.2"')
    assert edit.after.decode() == expected
    assert len(edit.changes) == 2


def test_kustomize_tag_digest_and_the_change_from_one_to_the_other() -> None:
    tag = set_kustomize_image(KUSTOMIZE.encode(), "app", tag="1.4.0", name="k")
    assert only(KUSTOMIZE, tag.after, '"1.3.0"', '"1.4.0"')
    digest = set_kustomize_image(KUSTOMIZE.encode(), "app", digest=DIGEST, name="k")
    assert only(KUSTOMIZE, digest.after, 'newTag: "1.3.0"', f'digest: "{DIGEST}"')
    plain = set_kustomize_image(KUSTOMIZE.encode(), "db", digest=DIGEST, name="k")
    assert only(KUSTOMIZE, plain.after, "sha256:0000", DIGEST)


def test_a_helm_value_by_its_path() -> None:
    before = "image:\n  repository: r\n  digest: ''\nsidecar:\n  image: {digest: x}\n"
    edit = set_value(before.encode(), "image.digest", DIGEST, name="v")
    assert only(before, edit.after, "''", f"'{DIGEST}'")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: set_policy_range(POLICY.encode(), "1.4.2", name="p"), "2 ImagePolicy"),
        (lambda: set_policy_range(b"kind: Other\n", "1.4.2", name="p"), "no ImagePolicy"),
        (lambda: set_policy_range(POLICY.encode(), "*", name="p", policy="shop"), "strict version range"),
        (lambda: set_policy_range(POLICY.encode(), "1.4.2\n# x", name="p", policy="shop"), "strict"),
        (lambda: set_policy_range(b"a: [", "1.4.2", name="p"), "not YAML"),
        (lambda: set_policy_range(b"\xff", "1.4.2", name="p"), "not UTF-8"),
        (lambda: set_markers(MANIFEST.encode(), "x:y", "i", "t", DIGEST, name="m"), "no value is marked"),
        (lambda: set_markers(MANIFEST.encode(), "flux-system:shop", "i", "", DIGEST, name="m"), "tag"),
        (lambda: set_kustomize_image(KUSTOMIZE.encode(), "web", tag="1", name="k"), "no entry"),
        (lambda: set_kustomize_image(KUSTOMIZE.encode(), "app", tag="a b", name="k"), "not a tag"),
        (lambda: set_kustomize_image(KUSTOMIZE.encode(), "app", digest="latest", name="k"), "not a digest"),
        (lambda: set_value(b"image: {tag: a}\n", "image.digest", "x", name="v"), "no value"),
        (lambda: set_value(b"image: |\n  text\n", "image", "x", name="v"), "block scalar"),
        (lambda: set_value(b"a: &x 1\nb: *x\n", "a", "2", name="v"), "anchor or a tag"),
        (lambda: set_value(b"a: &x 1\nb: *x\n", "b", "2", name="v"), "anchor or a tag"),
        (lambda: set_value(b"a: !!str 1\n", "a", "2", name="v"), "anchor or a tag"),
        (lambda: set_value(b"x: &b {a: 1}\ny: {<<: *b}\n", "y.<<.a", "2", name="v"), "more than it should"),
        (lambda: set_value(b"a:\nb: 1\n", "a", "2", name="v"), "the value is empty"),
        (lambda: set_value(b"a: 1\na: 2\n", "a", "3", name="v"), "2 value"),
        (lambda: set_value(b"a: 1\n---\na: 2\n", "a", "3", name="v"), "2 value"),
        (lambda: set_value(b"image.tag: a\n", "image.tag", "b", name="v"), "no value"),
        (lambda: set_value(b"a: &a [*a]\nb: 1\n", "b", "2", name="v"), "nested more than 100"),
        (lambda: set_value(b"a: " + b"[" * 3000, "a", "2", name="v"), "v:1: more than 100 brackets"),
        (lambda: set_value(LAUGHS, "b", "2", name="v"), "more than 200000 values"),
        (lambda: set_value(b"a" * (1 << 20) + b": 1\n", "b", "2", name="v"), "larger than"),
        (lambda: set_policy_range(POLICY.encode(), ">=1.4.2", name="p", policy="shop"), "strict"),
        (lambda: set_policy_range(POLICY.encode(), "1.4.2 || *", name="p", policy="shop"), "strict"),
        (lambda: set_policy_range(POLICY.encode(), "1.4.2 ||", name="p", policy="shop"), "strict"),
        (lambda: set_markers(TWO, "f:s", "i", "9.9.9", DIGEST, name="m"), "more than one value"),
    ],
)
def test_what_cannot_be_edited_safely_is_refused(call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()  # type: ignore[operator]


@pytest.mark.parametrize(
    "wanted",
    ["1.4.2", "v1.4.2", "=1.4.2", "~1.4.2", "^1.4.2", ">=1.4.0 <1.5.0", "1.4.0 - 1.4.9", "1.4.2 || 1.4.3"],
)
def test_a_range_with_a_ceiling_is_strict(wanted: str) -> None:
    edit = set_policy_range(POLICY.encode(), wanted, name="p", policy="shop")
    assert only(POLICY, edit.after, ">=1.0.0 <1.4.0", wanted)


def test_a_dot_within_a_key_is_escaped() -> None:
    edit = set_value(b"my.chart: {tag: a}\nmy: {chart: {tag: b}}\n", r"my\.chart.tag", "c", name="v")
    assert edit.after == b"my.chart: {tag: c}\nmy: {chart: {tag: b}}\n"


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\r"])
def test_a_line_break_that_only_some_count_moves_no_marker(odd: str) -> None:
    """Counted as a line by one side only, the mark would fall on the value of the next line."""
    before = f'# x{odd}# y\na: 1.0.0 # {{"$imagepolicy": "f:s:tag"}}\nb: 2.0.0\n'
    edit = set_markers(before.encode(), "f:s", "i", "9.9.9", DIGEST, name="m")
    assert only(before, edit.after, "1.0.0", "9.9.9")


def test_a_marker_in_a_block_of_text_marks_nothing() -> None:
    before = 'b: |\n  1.0 # {"$imagepolicy": "f:s:tag"}\nc: 1.1 # {"$imagepolicy": "f:s:tag"}\n'
    edit = set_markers(before.encode(), "f:s", "i", "9.9.9", DIGEST, name="m")
    assert only(before, edit.after, "1.1", "9.9.9")


SCALARS = st.sampled_from(["a", "'b c'", '"d"', "1.0", "x # note", "", "~", "[1, 2]", "{k: v}"])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(SCALARS, min_size=1, max_size=6), st.integers(0, 5), st.text("abc019._-", min_size=1, max_size=8)
)
def test_only_the_wanted_value_ever_changes(values: list[str], at: int, value: str) -> None:
    before = "# head\n" + "".join(f"k{i}:   {v}\n\n" for i, v in enumerate(values))
    try:
        edit = set_value(before.encode(), f"k{at}", value, name="f")
    except InputError:
        return
    old, new = yaml.safe_load(before), yaml.safe_load(edit.after)
    assert new == old | {f"k{at}": value}
    ours = [i for i, line in enumerate(before.split("\n")) if line.startswith(f"k{at}:")]
    kept = [i for i in range(len(before.split("\n"))) if i not in ours]
    assert all(before.split("\n")[i] == edit.after.decode().split("\n")[i] for i in kept)
