"""What the console's pages say: for people, not for a parser of marks."""

from tests.rigs.console_rig import add_users, console_of
from tests.services.console.test_hostile import EVERY, filled
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.templates import code


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
