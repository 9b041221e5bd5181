"""People who want more of the console than they may have."""

from pathlib import Path

import pytest

from tests.rigs.console_rig import PASSWORD, add_users, console_of
from tests.rigs.minting import server
from tokenless.services.changes import certificates
from tokenless.services.changes.console_users import MAX_FAILURES, delete_user
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.forms import MAX_BODY_BYTES, STRANGERS
from tokenless.services.console.pages import PAGES
from tokenless.services.console.sessions import COOKIE
from tokenless.services.errors import ServiceError
from tokenless.services.store import device_pools, devices, nodes

CHANGING = [page.path for page in PAGES if page.act is not None]
EVERY = [page.path for page in PAGES if page.show is not None]


def filled(path: str) -> str:
    """Return a page's path with parts that exist."""
    for part, value in {
        "{draft}": "unknown",
        "{id:int}": "1",
        "{form}": "pem",
        "{kind}": "tftp",
        "{name}": "SEP001122334455",
        "{node}": "cucm-1051-a-pub",
    }.items():
        path = path.replace(part, value)
    assert "{" not in path
    return path


async def test_the_role_read_changes_nothing(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        before = lab.store.revision()
        ray = await console.signed_in("ray")
        for path in CHANGING:
            response = await ray.post(filled(path), {"anything": "1"})
            assert response.status_code == 403, path
            assert "Your role is read" in response.text
        assert lab.store.revision() == before


async def test_without_a_session_every_page_leads_to_the_sign_in(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        before = lab.store.revision()
        nobody = console.visitor()
        for path in EVERY:
            response = await nobody.client.get(filled(path))
            assert response.status_code == 303, path
            assert response.headers["location"].startswith("/sign-in")
        for path in CHANGING:
            response = await nobody.post(filled(path))
            assert response.status_code == 303, path
        assert (await nobody.client.get("/live")).status_code == 403
    assert lab.store.revision() == before


async def test_a_form_without_its_token_does_nothing(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        before = lab.store.revision()
        alice = await console.signed_in("alice")
        other = await console.signed_in("alice")
        for path in CHANGING:
            for wrong in ("", "guessed", other.csrf):
                response = await alice.post(filled(path), csrf=wrong)
                assert response.status_code == 403, path
                assert "not of this session" in response.text
        assert lab.store.revision() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_another_sites_form_does_nothing(
    lab: Cluster, headers: dict[str, str]
) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        before = lab.store.revision()
        alice = await console.signed_in("alice")
        path = filled("/cmplatform/certificates/{id:int}/regenerate")
        response = await alice.post(path, headers=headers)
        assert response.status_code == 403
        assert lab.store.revision() == before


async def test_a_session_from_before_the_sign_in_is_not_signed_in(lab: Cluster) -> None:
    """Session fixation: an attacker who plants a cookie does not share the session."""
    add_users(lab)
    async with console_of(lab) as console:
        attacker = console.visitor()
        await attacker.get("/sign-in")
        planted = attacker.client.cookies[COOKIE]
        victim = console.visitor()
        victim.client.cookies.set(COOKIE, planted, domain="127.0.0.1")
        await victim.sign_in("alice")
        assert victim.client.cookies.get(COOKIE, domain="127.0.0.1") != planted
        assert (await victim.get("/")).status_code == 200
        assert (await attacker.client.get("/")).status_code == 303
        made_up = console.visitor()
        made_up.client.cookies.set(COOKIE, "made-up", domain="127.0.0.1")
        assert (await made_up.client.get("/")).status_code == 303


async def test_cookies_are_for_https_and_not_for_scripts(lab: Cluster) -> None:
    async with console_of(lab) as console:
        response = await console.visitor().client.get("/sign-in")
    cookie = response.headers["set-cookie"].lower()
    assert cookie.startswith("__host-")
    for word in ("secure", "httponly", "samesite=strict", "path=/"):
        assert word in cookie
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


async def test_a_user_who_guesses_is_locked_out(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        guesser = console.visitor()
        for _ in range(MAX_FAILURES):
            response = await guesser.sign_in("alice", "wrong")
            assert response.status_code == 403
        right = await guesser.sign_in("alice")
        assert right.status_code == 403
        unknown = await guesser.sign_in("nobody")
        assert unknown.text.count("Sign-in failed") == right.text.count(
            "Sign-in failed"
        )
        assert (await guesser.client.get("/")).status_code == 303
        assert (await console.signed_in("ray")) is not None


async def test_an_address_that_guesses_many_names_is_slowed_down(lab: Cluster) -> None:
    async with console_of(lab) as console:
        guesser = console.visitor()
        codes: list[int] = []
        while 429 not in codes and len(codes) < 100:
            response = await guesser.sign_in(f"user{len(codes)}", "wrong")
            codes.append(response.status_code)
    assert codes[:10] == [403] * 10
    assert codes[-1] == 429


async def test_a_deleted_user_is_out_at_once(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        assert (await alice.get("/")).status_code == 200
        delete_user(lab, "alice", by="test")
        assert (await alice.client.get("/")).status_code == 303


async def test_signing_out_ends_the_session_for_all(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        stolen = console.visitor()
        cookie = alice.client.cookies[COOKIE]
        stolen.client.cookies.set(COOKIE, cookie, domain="127.0.0.1")
        assert (await stolen.client.get("/")).status_code == 200
        assert (await alice.post("/sign-out")).status_code == 303
        assert (await stolen.client.get("/")).status_code == 303


# Older versions of starlette leave the file of a form that breaks off to the collector.
@pytest.mark.filterwarnings(
    "ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning"
)
async def test_what_is_larger_than_any_form_is_refused(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        before = lab.store.revision()
        alice = await console.signed_in("alice")
        response = await alice.post(
            "/cmplatform/certificates/upload",
            {"purpose": "Phone-SAST-trust"},
            file=bytes(MAX_BODY_BYTES + 1),
        )
        assert response.status_code == 413
        large = await alice.post(
            "/cmplatform/certificates/upload",
            {"purpose": "Phone-SAST-trust"},
            file=bytes(300 * 1024),
        )
        assert large.status_code == 303
        assert "over 262144 bytes" in (await alice.get(large.headers["location"])).text
        assert lab.store.revision() == before


async def test_a_stranger_sends_no_more_than_a_sign_in(lab: Cluster) -> None:
    """Many at once would fill the memory, and uploads the disk."""
    async with console_of(lab) as console:
        stranger = console.visitor()
        await stranger.get("/sign-in")
        parts = {f"field{number}": "x" * 15_000 for number in range(6)}
        long = await stranger.post("/sign-in", parts)
        assert long.status_code == 413
        file = await stranger.post("/sign-in", {"name": "ray"}, file=b"x")
        assert file.status_code == 400
        many = {f"field{number}": "" for number in range(STRANGERS.fields)}
        assert (await stranger.post("/sign-in", many)).status_code == 400


async def test_names_in_certificates_are_text(lab: Cluster) -> None:
    markup = '<script>alert("x")</script>'
    certificate = server(markup).certificate
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        await alice.post(
            "/cmplatform/certificates/upload",
            {"purpose": "Phone-SAST-trust", "description": markup},
            file=certificate.der,
        )
        (placed,) = [
            each for each in certificates.trust(lab) if each.certificate == certificate
        ]
        here = f"/cmplatform/certificates/{placed.id}"
        for path in ("/cmplatform/certificates?find=1", here, f"{here}/delete", "/"):
            page = (await alice.get(path)).text
            assert "<script>alert" not in page
            assert "<img" not in page
        assert "&lt;script&gt;" in (await alice.get(here)).text
        file = await alice.get(f"{here}/download/der")
        assert file.content == certificate.der
        name = file.headers["content-disposition"]
        assert "<" not in name
        assert "/" not in name


async def test_names_of_nodes_and_phones_are_text(lab: Cluster) -> None:
    """A row that something else wrote into the database does no harm either."""
    markup = '"><script>alert(1)</script>'
    add_users(lab)
    node = lab.publisher
    with lab.store.write_node_state() as connection:
        nodes.rename_node(connection, node.id, markup)
        pools = device_pools.read_pools(connection)
        devices.add_device(connection, markup.upper(), "7975", pools[0].id, 1)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        for path in EVERY:
            page = (await alice.get(filled(path))).text.lower()
            assert "<script>alert" not in page, path
        assert "&lt;script&gt;" in (await alice.get("/ccmadmin/phones")).text.lower()


@pytest.mark.parametrize(
    "path",
    [
        "/cmplatform/certificates/1/download/..%2f..%2fcluster.db",
        "/cmplatform/certificates/1/download/key",
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/server.py",
        "/static//etc/passwd",
        "/cmplatform/certificates/../../etc/passwd",
        "/cmplatform/certificates/99999999999999999999",
    ],
)
async def test_paths_lead_nowhere_else(lab: Cluster, path: str) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        response = await alice.client.get(path)
        assert response.status_code in {400, 404}
        assert "PRIVATE KEY" not in response.text
        assert "root:" not in response.text
        assert "hypercorn" not in response.text


async def test_the_page_after_the_sign_in_is_of_this_console(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        for where in ("https://evil.example/", "//evil.example", "/\\evil.example"):
            visitor = console.visitor()
            await visitor.get("/sign-in")
            response = await visitor.post(
                "/sign-in", {"name": "ray", "password": PASSWORD, "next": where}
            )
            assert response.headers["location"] == "/"


async def test_without_a_sign_in_only_loopback_is_answered(lab: Cluster) -> None:
    async with console_of(lab, asks_nobody=True) as console:
        guest = console.visitor()
        assert (await guest.get("/")).status_code == 200
        rebound = console.visitor(host="evil.example")
        assert (await rebound.client.get("/")).status_code == 403


async def test_without_a_sign_in_there_is_no_console_for_others(lab: Cluster) -> None:
    add_users(lab)
    with pytest.RaisesGroup(pytest.RaisesExc(ServiceError, match="have to sign in")):
        async with console_of(lab, asks_nobody=True):
            pass


def test_every_text_is_in_the_catalogue_and_used() -> None:
    import re  # noqa: PLC0415

    from tokenless.services.console import texts  # noqa: PLC0415

    folder = Path(texts.__file__).parent
    sources = [*folder.rglob("*.py"), *folder.rglob("*.html")]
    everything = "\n".join(
        each.read_text() for each in sources if not each.match("*texts.py")
    )
    calls = r'(?:\b(?:t|text)|\.say)\(\s*["\']([a-z][a-z-]*\.[a-z.-]*[a-z])["\']'
    used = set(re.findall(calls, everything))
    assert used <= set(texts.TEXTS)
    for key in texts.TEXTS:
        parts = key.split(".")
        begun = [".".join(parts[:count]) + "." for count in range(2, len(parts))]
        quoted = [f"{quote}{each}" for each in (key, *begun) for quote in "\"'"]
        assert any(each in everything for each in quoted), key
