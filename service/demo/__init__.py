"""A clearly synthetic council, written as the extract files that a real one would push."""
