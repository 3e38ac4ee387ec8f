"""People of the demo shown by name: a referral to a worker who knows a young person, and one night's emergency."""

from collections.abc import Iterator

from service.demo import contacts
from service.demo.edge_care_leavers import TEAM, Entry
from service.demo.scene import Scene
from service.demo.staff import Staff

REFERRED, FOUND_AT_NIGHT = "EDGE-003", "EDGE-024"
KNEW_THEM = "disabled_children_1"


def entries(scene: Scene, staff: Staff) -> Iterator[Entry]:
    """In time order: shown to a social worker of another service for 60 days; opened late on the eve."""
    manager = staff.of(TEAM, "team_manager")[0].name
    to = staff.of(KNEW_THEM, "social_worker")[0].name
    why = "Knew them in care and goes along to see the flat."
    yield Entry(contacts.at(scene, 2, 11), manager, "referral", REFERRED, {"to": to, "days": 60, "reason": why})
    duty = staff.of(TEAM, "social_worker")[0].name
    called = "Police called at 23:30: the child is with them, no parent can be reached."
    yield Entry(contacts.at(scene, 1, 23, 40), duty, "emergency", FOUND_AT_NIGHT, {"reason": called})
