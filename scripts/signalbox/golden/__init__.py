"""From an incident or a learning review to a golden case: read, attested, proved both ways, then written."""

from signalbox.golden.proof import Proof, judge_tests, weigh
from signalbox.golden.record import Case, read_case
from signalbox.golden.row import answers_text, insert, row_of

__all__ = ["Case", "Proof", "answers_text", "insert", "judge_tests", "read_case", "row_of", "weigh"]
