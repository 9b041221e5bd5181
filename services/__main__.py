"""`python -m services`, in a checkout, is the command `tokenless`."""

from tokenless.services.cli.main import main

main()
