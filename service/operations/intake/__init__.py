"""What an extract does: opened, sent, weighed, applied, held, decided, reported."""
