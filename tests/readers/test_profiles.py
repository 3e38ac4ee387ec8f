"""Names of datasets, as people and programs write them."""

import pytest

from service.errors import Unprocessable
from service.readers import profiles
from service.readers.mapping import CodeMap
from tests.readers.conftest import EXTRACTED_AT


@pytest.mark.parametrize(
    ("profile", "name", "expected"),
    [
        ("ssd", "ssd_person", "ssd_person"),
        ("ssd", "person", "ssd_person"),
        ("ssd", "SSD_Person.csv", "ssd_person"),
        ("ssd", "cla_placement.ndjson", "ssd_cla_placement"),
        ("cohorts", "people.csv", "people"),
        ("cohorts", "pre_proceedings", "pre_proceedings"),
    ],
)
def test_a_dataset_has_one_name(profile: str, name: str, expected: str) -> None:
    assert profiles.dataset_name(profile, name) == expected


def test_an_unknown_dataset_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(Unprocessable) as refusal:
        profiles.dataset_name("ssd", "Rowan Demo-Ashford")
    ((field, code, allowed),) = refusal.value.fields
    assert (field, code) == ("datasets.name", "unknown_dataset")
    assert allowed.startswith("ssd_person, ssd_department")
    assert "Ashford" not in str(refusal.value.fields)


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ("ssd", "ssd_contacts"),
        ("ssd", "contacts"),
        ("ssd", "SSD_Contacts.csv"),
        ("ssd", "contacts.ndjson"),
        ("cohorts", "ssd_contacts"),
        ("cohorts", " ssd_contacts.CSV "),
    ],
)
def test_what_others_report_at_the_front_door_is_no_contact_under_any_name(profile: str, name: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        profiles.dataset_name(profile, name)
    ((field, code, allowed),) = refusal.value.fields
    assert (field, code) == ("datasets.name", "front_door_contacts")
    assert "`contacts` of the profile `cohorts`" in allowed
    assert "never shows that anybody is in touch" in allowed


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(Unprocessable) as refusal:
        profiles.dataset_name("ssda903", "header")
    assert refusal.value.fields == (("profile", "unknown_profile", "ssd, cohorts"),)


def test_a_batch_is_read_by_its_profile_under_any_name(codes: CodeMap) -> None:
    extract = profiles.read("ssd", {"person.csv": b"pers_person_id\nP1\n"}, codes, EXTRACTED_AT)
    assert [claim.dataset for claim in extract.claims] == ["ssd_person"]
    assert extract.rows == {"ssd_person": 1}


def test_the_same_dataset_under_two_names_is_refused(codes: CodeMap) -> None:
    with pytest.raises(Unprocessable):
        profiles.read("ssd", {"person": b"", "ssd_person": b""}, codes, EXTRACTED_AT)
