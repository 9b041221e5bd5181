"""Parts of documents that programs of this folder make, between two marks."""


def replaced(text: str, begin: str, end: str, made: str) -> str:
    """Return a document with what stands between two marks made anew.

    Raises:
        ValueError: When the document lacks a mark.
    """
    before, mark, rest = text.partition(begin)
    _, closing, after = rest.partition(end)
    if not mark or not closing:
        raise ValueError(f"the marks {begin} and {end} are missing")
    return f"{before}{begin}{made}{end}{after}"
