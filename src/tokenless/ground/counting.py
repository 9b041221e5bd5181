"""Numbers of things in words: `1 phone`, `20 phones`."""


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun.

    Args:
        number: How many.
        noun: The word for one of them.
        nouns: The word for several, where it is not `noun` with an s.
    """
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or f'{noun}s'}"
