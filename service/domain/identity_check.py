"""Whether an Eclipse id now means somebody else than it did."""

import unicodedata

from service.domain.facts import Person


def other_person(held: Person, said: Person) -> bool:
    """Whether family name and date of birth both contradict: an id that Eclipse has given to somebody else.

    One alone is a correction, a marriage or a slip of the pen; a blank contradicts nothing, nor does a birth.
    """
    ours, theirs = _plain(held.surname), _plain(said.surname)
    names = bool(ours and theirs) and ours != theirs
    births = held.born_on is not None and said.born_on is not None and held.born_on != said.born_on
    return names and births


def _plain(name: str | None) -> str:
    """Letters and digits alone: neither case, accents, hyphens nor spaces make another name."""
    bare = unicodedata.normalize("NFKD", name or "").casefold()
    return "".join(letter for letter in bare if letter.isalnum())
