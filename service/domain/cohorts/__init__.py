"""Every cohort, in the order leaders read them."""

from service.domain.cohorts.care_leavers import ACCOMMODATION_UNKNOWN, NOT_IN_TOUCH, UNSUITABLE_ACCOMMODATION
from service.domain.cohorts.child_protection import CP_PLAN_OVER_9_MONTHS, REPEAT_CP_PLAN
from service.domain.cohorts.court import PROCEEDINGS_OVER_26_WEEKS
from service.domain.cohorts.oversight import UNALLOCATED
from service.domain.cohorts.permanence import NO_PERMANENCE_PLAN
from service.domain.cohorts.pre_proceedings import PRE_PROCEEDINGS_OVER_12_WEEKS
from service.domain.rules import Cohort

COHORTS: tuple[Cohort, ...] = (
    UNSUITABLE_ACCOMMODATION,
    ACCOMMODATION_UNKNOWN,
    NOT_IN_TOUCH,
    PRE_PROCEEDINGS_OVER_12_WEEKS,
    PROCEEDINGS_OVER_26_WEEKS,
    CP_PLAN_OVER_9_MONTHS,
    REPEAT_CP_PLAN,
    NO_PERMANENCE_PLAN,
    UNALLOCATED,
)
BY_CODE: dict[str, Cohort] = {cohort.code: cohort for cohort in COHORTS}
