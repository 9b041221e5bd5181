"""Numbers in texts of others: digits of ASCII, and no more than a number needs."""


def read_decimal(text: str, most: int) -> int | None:
    """Return the number that a text is, None when it is none or above `most`.

    Python refuses to read thousands of digits with a ValueError of its own, and takes
    the digits of other scripts: neither is a number here.
    """
    if not text.isascii() or not text.isdigit():
        return None
    digits = text.lstrip("0")
    if len(digits) > len(str(most)):
        return None
    number = int(digits or "0")
    return number if number <= most else None
