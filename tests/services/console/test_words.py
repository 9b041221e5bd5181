"""What the console's pages say: for people, not for a parser of marks."""

from tests.rigs.console_rig import add_users, console_of
from tests.services.console.test_hostile import EVERY, filled
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.templates import breakable, code


async def test_no_page_shows_the_marks_around_commands(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        pages = {path: await alice.client.get(filled(path)) for path in EVERY}
    marked = [
        p for p, page in pages.items() if "`" in page.text and "<h1>" in page.text
    ]
    assert marked == []
    assert "<code>tokenless admin</code>" in pages["/cli"].text


def test_what_is_code_is_escaped() -> None:
    assert code("say `<b>` & go") == "say <code>&lt;b&gt;</code> &amp; go"


def test_a_name_that_may_break_is_escaped() -> None:
    assert breakable("CN=<b>;O=X") == "CN=&lt;b&gt;;<wbr>O=X"


async def test_an_address_puts_no_words_into_a_report(lab: Cluster) -> None:
    """Whoever sends a link does not choose which feature phones are said to have."""
    add_users(lab)
    async with console_of(lab) as console:
        ray = await console.signed_in("ray")
        page = (await ray.get("/cucreports?feature=Virtual+Private+Network")).text
    assert "<td>Security By Default</td>" in page
    assert "Virtual Private Network" not in page
