"""`python -m tokenless` is the command `tokenless`."""

from tokenless.services.cli.main import main

main()
