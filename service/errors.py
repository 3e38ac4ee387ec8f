"""Every refusal: a class with a status, a stable code and a title. None of them carries input."""

from typing import ClassVar


class Refused(Exception):
    """A request we understood and will not do. `fields` are (path, code, what is allowed)."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    title: ClassVar[str] = "The request cannot be done"

    def __init__(self, *fields: tuple[str, str, str], retry_after: int | None = None, about: str | None = None) -> None:
        super().__init__(self.code)
        self.fields = fields
        self.retry_after = retry_after
        self.about = about  # whom the refused request was about: for the audit, never for the answer


class NotSignedIn(Refused):
    status, code, title = 401, "not_signed_in", "A valid token is needed"


class NotPermitted(Refused):
    status, code, title = 403, "not_permitted", "Your role does not have this function"


class NotFound(Refused):
    status, code, title = 404, "not_found", "There is nothing here that you may see"


class Conflict(Refused):
    status, code, title = 409, "conflict", "This clashes with what is already held"


class RunContentDiffers(Conflict):
    code, title = "run_content_differs", "This run id was used for other content"


class OlderExtract(Conflict):
    code, title = "older_extract", "A newer extract of this source has been applied"


class Expired(Conflict):
    code, title = "expired", "This batch was left open too long, and what was sent of it is gone; open another"


class Stale(Refused):
    status, code, title = 412, "stale", "This has changed since you read it"


class TooLarge(Refused):
    status, code, title = 413, "too_large", "The body is too large"


class TooSlow(Refused):
    status, code, title = 408, "too_slow", "The body came too slowly; nothing was kept"


class HeadTooLarge(Refused):
    status, code, title = 431, "head_too_large", "The address and headers are longer than 16 KiB"


class CutShort(Refused):
    status, code, title = 400, "cut_short", "The body ended before its announced length; nothing was kept"


class Ambiguous(Refused):
    code, title = "ambiguous", "The request's head can be read in two ways: say each of these headers once"


class EncodingUnknown(Refused):
    status, code, title = 415, "unsupported_encoding", "The body has a content encoding that is not taken"


class Unprocessable(Refused):
    status, code, title = 422, "unprocessable", "Some fields cannot be accepted"


class Invalid(Unprocessable):
    code = "invalid"


class KeyReused(Unprocessable):
    code, title = "idempotency_key_reused", "This Idempotency-Key was used for another body"


class ContactInFuture(Unprocessable):
    code, title = "contact_in_future", "A contact cannot be more than 5 minutes ahead"


class ContactTooOld(Unprocessable):
    code, title = "contact_too_old", "A contact cannot be more than 366 days back"


class OwnEntry(Refused):
    status, code, title = 403, "own_entry", "An entry is approved by somebody else than its author"


class OwnAccount(Refused):
    status, code, title = 403, "own_account", "Your own account is changed by another administrator"


class NeedsManager(Refused):
    status, code, title = 403, "needs_manager", "Taking back danger, or what somebody else said, needs a manager"


class ReasonMissing(Refused):
    status, code, title = 403, "reason_needed", "Say why you look at this record: send Access-Reason"


class TooMany(Refused):
    status, code, title = 429, "too_many", "More records were opened than one account may open in this time"


class NothingToApprove(Conflict):
    code, title = "nothing_to_approve", "Nothing here waits for approval"


class OwnPush(Refused):
    status, code, title = 403, "own_push", "What was held of a push is decided by somebody else than who pushed it"


class NothingHeld(Conflict):
    code, title = "nothing_held", "Nothing of this push waits for a decision"


class OwnRequest(Refused):
    status, code, title = 403, "own_request", "What somebody asked for is decided by somebody else"


class NothingToClear(Conflict):
    code, title = "nothing_to_clear", "Nobody has asked for this restriction to be cleared"


class SealedByAdoption(Refused):
    status, code, title = 403, "sealed_by_adoption", "The record is sealed by adoption; nobody asked for a sealed one"


class NothingProposed(Conflict):
    code, title = "nothing_proposed", "No erasure of this record waits for a decision"


class NothingToSettle(Conflict):
    code, title = "nothing_to_settle", "Nothing here is contradicted, or it has been settled"


class KeyMissing(Refused):
    status, code, title = 400, "idempotency_key_missing", "A POST that creates needs an Idempotency-Key header"


class ConditionMissing(Refused):
    status, code, title = 428, "if_match_missing", "A change of what is held needs an If-Match header"


class Busy(Refused):
    status, code, title = 503, "busy", "The database did not answer in time; try again with the same key"


class IssuerAway(Refused):
    status, code, title = 503, "issuer_away", "The keys to check tokens with could not be fetched yet; try again"


class Misdirected(Refused):
    status, code, title = 421, "misdirected", "This service does not answer to that name"


class NotReady(Refused):
    status, code, title = 503, "not_ready", "The database has another schema than this version"


class SettingsRefused(Exception):
    """A setting that cannot be used. Names the setting, never its value."""


class BackupRefused(Exception):
    """A backup that cannot be taken, read or restored. Says why, and nothing of what is in it."""
