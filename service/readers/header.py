"""What the header of a file leaves out: fields that its rows can neither give nor take back."""

from collections.abc import Iterable


class Header:
    """The columns of a file, and which fields they leave out: shared by its rows, which find that out in reading."""

    __slots__ = ("_absent", "_columns", "_said", "unsaid")

    def __init__(self, columns: frozenset[str], unsaid: Iterable[str] = ()) -> None:
        self._columns, self._absent, self._said = columns, set(unsaid), set[str]()
        self.unsaid = frozenset(self._absent)

    def blank(self, column: str, field: str) -> None:
        """Note that a cell gives nothing: it is empty, or there is no column for it. Any column of a field says it."""
        noted = self._said if column.lower() in self._columns else self._absent
        if field not in noted:
            noted.add(field)
            self.unsaid = frozenset(self._absent - self._said)
