"""`python -m services` is `tokenless`."""

from services.cli.main import main

main()
