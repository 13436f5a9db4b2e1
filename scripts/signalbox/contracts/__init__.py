"""The written contracts of the phases, held to their clauses sentence by sentence.

Method: a clause names the verb right behind the modal, the terms that must follow and how many negations the
sentence has. So the sentence may be reworded, and neither turned round, softened nor given a way out.
"""

from signalbox.contracts.check import Clause, Clauses, Fault, check, read_clauses
from signalbox.contracts.documents import Contract, Sentence, Unreadable, read_contract, read_folder

__all__ = [
    "Clause",
    "Clauses",
    "Contract",
    "Fault",
    "Sentence",
    "Unreadable",
    "check",
    "read_clauses",
    "read_contract",
    "read_folder",
]
