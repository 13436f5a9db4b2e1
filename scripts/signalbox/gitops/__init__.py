"""Move a digest: retag it at its registry, or edit the file that GitOps follows. Knows nothing of scores."""

from signalbox.gitops.candidate import Answer, Refusal, read_decision, refusal
from signalbox.gitops.edits import set_kustomize_image, set_markers, set_policy_range, set_value
from signalbox.gitops.pull import branch_name, propose
from signalbox.gitops.registry import Registry, RegistryError, Retag, parse_repository
from signalbox.gitops.yaml_edit import Edit

__all__ = [
    "Answer",
    "Edit",
    "Refusal",
    "Registry",
    "RegistryError",
    "Retag",
    "branch_name",
    "parse_repository",
    "propose",
    "read_decision",
    "refusal",
    "set_kustomize_image",
    "set_markers",
    "set_policy_range",
    "set_value",
]
