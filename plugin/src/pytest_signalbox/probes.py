"""What stands in rewritten code: the row of bytes that its probes mark, put there when it is imported.

Kept apart from the rewriting, which a process with all its code in the cache never loads.
"""

from __future__ import annotations

import types

TYPE_CHECKING = False  # spares every child process the import of typing
if TYPE_CHECKING:
    from typing import Any, List, Tuple

    Position = Tuple[int, int]

# Stand-ins in the compiled (and cached) code; `bind` puts the living objects in their place.
ROW = "\0pytest-signalbox row\0"
MEMO = "\0pytest-signalbox memo\0"


class Row(bytearray):
    """The bytes of one module, one per block. Hashable, because code objects hash their constants."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Code that is pickled by value may be unpickled where this plugin does not exist.
        return (bytearray, (len(self),))


def bind(code: types.CodeType, row: Row, memo: Any) -> types.CodeType:
    """Put the living ``row`` and ``memo`` in the place of their stand-ins, all the way down."""
    constants: List[Any] = []
    for value in code.co_consts:
        if isinstance(value, types.CodeType):
            constants.append(bind(value, row, memo))
        elif isinstance(value, str) and value == ROW:
            constants.append(row)
        elif isinstance(value, str) and value == MEMO:
            constants.append(memo)
        else:
            constants.append(value)
    return code.replace(co_consts=tuple(constants))
