"""`python -m service.cli`: the same as `los`."""

from service.cli import main

main()
