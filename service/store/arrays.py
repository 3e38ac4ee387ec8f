"""Many texts as one bound value, for PostgreSQL: its driver would write them one by one."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import BindParameter, bindparam, literal
from sqlalchemy.types import UserDefinedType


class _Array(UserDefinedType[str]):
    """An array that comes as text. Bound as what it is: cast from text it would be no constant to the planner."""

    cache_ok = True
    render_bind_cast = True

    def __init__(self, of: str) -> None:
        self.of = of

    def get_col_spec(self, **_: Any) -> str:
        """What PostgreSQL calls it."""
        return f"{self.of}[]"


def array(values: Iterable[str], of: str = "TEXT") -> BindParameter[str]:
    """An array of texts, or of what their texts say."""
    return literal(written(list(values)), _Array(of))


def place(name: str) -> BindParameter[str]:
    """A place for an array of texts, to be filled with what `written` makes of them."""
    return bindparam(name, type_=_Array("TEXT"))


def written(values: Collection[str]) -> str:
    """The texts as PostgreSQL writes an array, every one quoted."""
    if not values:
        return "{}"
    together = '","'.join(values)
    if "\\" in together or together.count('"') != 2 * (len(values) - 1):
        together = '","'.join(each.replace("\\", "\\\\").replace('"', '\\"') for each in values)
    return f'{{"{together}"}}'
