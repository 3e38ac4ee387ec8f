"""The first load of a topic: its campaign, how far it is, and the spreadsheets that come in."""
