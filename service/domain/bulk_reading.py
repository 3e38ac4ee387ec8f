"""How much one account may read within an hour before somebody is told, and before it is refused."""

from datetime import timedelta

# The numbers are our own choice: no authority sets any. A worker answers for some twenty young people and a manager
# for a team's hundred or so; nobody opens sixty records within an hour for their work, a chair preparing a week of
# meetings perhaps once a year. Refusing comes far above it, since a refusal may keep somebody from a child in danger.
WITHIN = timedelta(hours=1)
OPENED_ALERT = 60
OPENED_MOST = 200
# Lists are counted once however often the same one is read, and never refused: the tracker must always be answered.
# A county of Devon's size has some 1,900 people in the cohorts. Its tracker, its people page by page and one breakdown
# by team are three times the county; nobody's week needs more within an hour, and a whole copy by filters does.
COUNTY = 1_900
LISTED_ALERT = 4 * COUNTY
# Refusals of whom one may not open, or nobody is: a worker mistypes an id now and then, and a phone sends a day's
# contacts again with the same slip in it. Thirty within an hour is somebody trying ids.
PROBING = 30
