"""Smoke smoke smoke smoke."""
def test_s(council):
    t = council.on("2020-07-31T08:00").tracker()
    for x in t.tables:
        print(x.cohort.code, x.count, x.of, x.unknown, [(r.card.eclipse_id, r.finding.line, r.finding.state) for r in x.rows])
    print(council.places())
    print(council.standing())
    r = council.night("2020-07-31T09:00", *__import__("tests.council", fromlist=["USUAL"]).USUAL)
    print(r)
