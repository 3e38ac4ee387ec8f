"""What people may ask of the council about their record, and how long it is kept: by command, by named accounts."""
