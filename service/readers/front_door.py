"""SSD's table of contacts, which no reader takes: what others report at the front door is not contact kept."""

from service.domain.intake import Refusal
from service.readers.tables import Table

TABLE = "ssd_contacts"
CODE = "front_door_contacts"
ALLOWED = (
    "contacts made with a young person, as `contacts` of the profile `cohorts`; ssd_contacts holds what others report "
    "to the council at its front door, and never shows that anybody is in touch"
)


def refusals(dataset: str, table: Table) -> tuple[Refusal, ...]:
    """Why ssd_contacts cannot pass for our `contacts` under that name; nothing for any other file."""
    if dataset != "contacts" or not any(column.startswith("cont_") for column in table.columns):
        return ()
    return (Refusal(dataset, 1, "cont_contact_id", CODE, ALLOWED),)
