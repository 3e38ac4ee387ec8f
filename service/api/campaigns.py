"""The first load as a campaign: begin a topic, see how far each team is, answer for somebody, end it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import ConfigDict, Field, StrictBool

from service.api.bodies import About, Code, Reasoned, one_person
from service.api.dependencies import Act, Look, Seen, acting, looking
from service.api.described import needs, problems, shows
from service.api.once import Key, once
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.domain.campaign import TOPICS, Answer, Figures
from service.operations.first_load import campaigns, progress
from service.operations.first_load.progress import Line, Progress
from service.store.campaigns import Campaign
from service.writers import words
from service.writers.tracker_json import dump

router = APIRouter(prefix="/campaigns", tags=["first load"], route_class=StrictRoute)
Runner = Annotated[Act, acting(Permission.RUN_CAMPAIGN)]
Answerer = Annotated[Act, acting(Permission.UPLOAD_SHEET, reasoned=True)]
CampaignId = Annotated[str, Path(max_length=36)]

REASON = "Where care leavers live comes from four spreadsheets"
LISTED: dict[str, Any] = {
    "campaign_id": "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b77", "topic": "accommodation",
    "title": TOPICS["accommodation"].title, "form": "accommodation", "population": "care leavers served",
    "reason": REASON, "state": "open", "started_at": "2020-07-31T08:00:00Z", "closed_at": None, "closed_reason": None,
}  # fmt: skip
FIGURES = {"people": 430, "collected": 301, "answered": 12, "left": 2, "outstanding": 115, "percent": 73}
PROGRESS: dict[str, Any] = LISTED | {
    "figures": FIGURES,
    "teams": [{"team": "care_leavers_1", "title": "Care leavers 1"} | FIGURES],
    "cannot_be_found_out": {"count": 0, "people": []},
    "joined_since": {"count": 1, "people": []},
    "left_since": {"count": 2, "because": {"died": 1, "no_longer_in_the_population": 1}, "people": []},
    "outstanding": {"count": 115, "people": [
        {"person": {"person_id": "01738b11-2f00-7c44-8e21-0c1e7d9a4f10", "eclipse_id": "EDGE-004",
                    "name": "Rowan Demo-Ashford", "age": 19, "restricted": False},
         "team": "Care leavers 1", "owner": "A. Demo-Adviser", "because": None, "answer": None}]},
}  # fmt: skip


class StartBody(Reasoned):
    """Which topic, and why now."""

    topic: Code = Field(description=", ".join(TOPICS), examples=["accommodation"])
    model_config = ConfigDict(json_schema_extra={"examples": [{"topic": "accommodation", "reason": REASON}]})


class AnswerBody(About, Reasoned):
    """What can be said of somebody for whom there is no fact."""

    answer: Answer
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"eclipse_id": "EDGE-004", "answer": "cannot_be_found_out", "reason": "No file before 2017 is left"}
            ]
        }
    )


class CloseBody(Reasoned):
    """Why it ends; while somebody is outstanding, that it ends unfinished."""

    unfinished: StrictBool = Field(default=False, description="End it although people are outstanding")


def _listed(campaign: Campaign) -> dict[str, Any]:
    topic = TOPICS[campaign.topic]
    return {
        "campaign_id": campaign.campaign_id,
        "topic": campaign.topic,
        "title": topic.title,
        "form": topic.form,
        "population": topic.population.title,
        "reason": campaign.reason,
        "state": "open" if campaign.superseded_at is None else "closed",
        "started_at": campaign.recorded_at,
        "closed_at": campaign.superseded_at,
        "closed_reason": campaign.closed_reason,
    }


def _figures(figures: Figures) -> dict[str, int]:
    names = ("people", "collected", "answered", "left", "outstanding", "percent")
    return {name: getattr(figures, name) for name in names}


def _line(line: Line) -> dict[str, Any]:
    said = line.answer
    return {
        "person": words.person(line.card),
        "team": line.team,
        "owner": line.card.owner,
        "because": line.because,
        "answer": {"answer": said.answer, "reason": said.reason, "answered_at": said.recorded_at} if said else None,
    }


def _progress(far: Progress) -> dict[str, Any]:
    lists: dict[str, dict[str, Any]] = {
        name: {"count": count, "people": [_line(line) for line in far.lists.get(name, ())]}
        for name, count in far.counts.items()
    }
    lists["left_since"]["because"] = dict(far.left)
    teams = [{"team": t.code, "title": t.title} | _figures(t.figures) for t in far.teams]
    return _listed(far.campaign) | {"figures": _figures(far.figures), "teams": teams} | lists


@router.post(
    "",
    status_code=201,
    summary="Begin the first load of a topic",
    responses=problems(409) | shows(LISTED, status=201),
    openapi_extra=needs(Permission.RUN_CAMPAIGN),
)
def start(body: StartBody, act: Runner, key: Key) -> Response:
    """Fixes the denominator: everybody of the topic's population now, each with the team that answers now."""
    return once(
        act, key, body.model_dump(mode="json"),
        lambda: _listed(campaigns.start(act.session, body.topic, reason=body.reason, by=act.user, at=act.now)),
    )  # fmt: skip


@router.get(
    "",
    summary="Campaigns",
    responses=problems() | shows({"campaigns": [LISTED]}),
    openapi_extra=needs(Permission.READ_CAMPAIGN),
)
def read_campaigns(look: Annotated[Look, looking(Permission.READ_CAMPAIGN)]) -> Response:
    """Every campaign, newest first; one says how far it is."""

    def compute(seen: Seen) -> tuple[bytes, tuple[str, ...]]:
        return dump({"campaigns": [_listed(each) for each in campaigns.every(seen.session)]}), ()

    return Response(look.at("read.campaigns", compute), media_type="application/json")


@router.get(
    "/{campaign_id}",
    summary="How far a campaign is",
    responses=problems(404) | shows(PROGRESS),
    openapi_extra=needs(Permission.READ_CAMPAIGN),
)
def read_campaign(campaign_id: CampaignId, look: Annotated[Look, looking(Permission.READ_CAMPAIGN)]) -> Response:
    """Figures by team, of the people you may see; who is outstanding, cannot be found out, joined or left since.

    people = collected + answered + left + outstanding. A closed campaign is shown as it was when it was closed.
    Rows only where your role sees rows; restricted people are counted and blank.
    """

    def compute(seen: Seen) -> tuple[bytes, tuple[str, ...]]:
        far = progress.read(seen.session, campaign_id, to=seen.user, at=seen.now)
        return dump(_progress(far)), far.seen

    return Response(look.at("read.campaign", compute), media_type="application/json")


@router.post(
    "/{campaign_id}/answers",
    status_code=201,
    summary="Answer for somebody without a fact",
    responses=problems(404, 409)
    | shows({"person_id": "01738b11-2f00-7c44-8e21-0c1e7d9a4f10", "answer": "cannot_be_found_out"}, status=201),
    openapi_extra=needs(Permission.UPLOAD_SHEET),
)
def answer(campaign_id: CampaignId, body: AnswerBody, act: Answerer, key: Key) -> Response:
    """Nothing to record, or cannot be found out. The newest answer counts, and a fact beats any answer."""
    one_person(body)

    def do() -> dict[str, Any]:
        person_id, given = campaigns.answer(
            act.session, campaign_id, body.answer, reason=body.reason, by=act.user, at=act.now,
            person_id=body.person_id, eclipse_id=body.eclipse_id,
        )  # fmt: skip
        return {"person_id": person_id, "answer": given.answer}

    return once(act, key, [campaign_id, body.model_dump(mode="json")], do)


@router.post(
    "/{campaign_id}/close",
    summary="End a campaign",
    responses=problems(404, 409) | shows(LISTED | {"state": "closed"}),
    openapi_extra=needs(Permission.RUN_CAMPAIGN),
)
def close(campaign_id: CampaignId, body: CloseBody, act: Runner, key: Key) -> Response:
    """Refused while somebody is outstanding, unless `unfinished` is said: then their cells say unknown again."""

    def do() -> dict[str, Any]:
        ended = campaigns.close(
            act.session, campaign_id, reason=body.reason, unfinished=body.unfinished, by=act.user, at=act.now
        )
        return _listed(ended.campaign) | {"figures": _figures(ended.figures)}

    return once(act, key, [campaign_id, body.model_dump(mode="json")], do, status=200)
