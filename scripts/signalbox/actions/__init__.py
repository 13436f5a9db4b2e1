"""The only module that speaks the runner's language: outputs, summaries, annotations, masks."""

from signalbox.actions.workflow import SUMMARY_LIMIT, Annotation, Level, Workflow, plain

__all__ = ["SUMMARY_LIMIT", "Annotation", "Level", "Workflow", "plain"]
