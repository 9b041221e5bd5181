"""Releases: how they are written, in which order, and what differs between them."""

import pytest

from tokenless.protocol.release import Release


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("10.0(1)", (10, 0, 1, 0)),
        ("10.5(2)", (10, 5, 2, 0)),
        (" 12.5(1)SU3\n", (12, 5, 1, 3)),
        ("14SU3", (14, 0, 0, 3)),
        ("15", (15, 0, 0, 0)),
        ("14.0(1)", (14, 0, 0, 0)),
        ("12.5.1.17900-64", (12, 5, 1, 7)),
        ("10.5.2.10000-5", (10, 5, 2, 0)),
        ("14.0.1.13900-155", (14, 0, 0, 3)),
        ("14.0.1.10000-20", (14, 0, 0, 0)),
        ("11.5.1.22900-28", (11, 5, 1, 12)),
    ],
)
def test_releases(text: str, release: tuple[int, ...]) -> None:
    assert Release.parse(text) == release


@pytest.mark.parametrize(
    "text",
    ["", "ten", "10.", "10.5(2", "10.5(2)su1", "100", "12.5.1.17900", "12.5.1.900-1"],
)
def test_what_is_no_release(text: str) -> None:
    with pytest.raises(ValueError, match="is not a release"):
        Release.parse(text)


@pytest.mark.parametrize("text", ["9.1(2)", "9.99(99)SU99", "0"])
def test_releases_without_a_tokenless_ctl(text: str) -> None:
    with pytest.raises(ValueError, match="has no tokenless CTL"):
        Release.parse(text)


@pytest.mark.parametrize("text", ["13", "10.7", "12.9(1)", "14.5", "16", "99"])
def test_releases_that_nobody_described(text: str) -> None:
    with pytest.raises(ValueError, match=f"nothing is known of release {text[:2]}"):
        Release.parse(text)


def test_they_differ_where_the_vendor_says() -> None:
    old, middle, new = map(Release.parse, ("10.5(1)", "10.5(2)", "12.0(1)"))
    assert (old.recovery_in_ctl, middle.recovery_in_ctl) == (False, True)
    assert (middle.recovery_signs, new.recovery_signs) == (False, True)
    assert (middle.chooses_digest, new.chooses_digest) == (False, True)
    assert Release.parse("14SU2").has_tokens
    assert not Release.parse("14SU3").has_tokens
    assert not Release.parse("15").has_tokens


@pytest.mark.parametrize(
    "text", ["10.5(2)", "11.5(1)SU1", "12.0", "14", "14SU3", "15SU4"]
)
def test_a_release_is_written_as_it_is_read(text: str) -> None:
    assert Release.parse(text).written == text


@pytest.mark.parametrize(
    ("text", "is_after"),
    [("15SU4", False), ("15SU9", True), ("12.5(1)SU7", True), ("11.5(1)SU9", False)],
)
def test_service_updates_after_all_sources_are_known_as_such(
    text: str, is_after: bool
) -> None:
    assert Release.parse(text).is_after_sources is is_after
