"""A flood of requests fills no disk: lines are limited, and names in them cut."""

from dataclasses import replace
from pathlib import Path

from tests.rigs.tvs_rig import PUBLISHER, phone, query_for, running, settings_for
from tests.rigs.waiting import until
from tokenless.protocol.tvs.messages import Query
from tokenless.services.stream_server.settings import StreamLimits
from tokenless.services.tvs.counters import TvsCount

LONG_NAME = "\x1b" * 3000


async def test_answers_are_summed_up_above_a_rate(tmp_path: Path) -> None:
    limits = StreamLimits(log_lines_per_s=5)
    query = Query(1, LONG_NAME, LONG_NAME, LONG_NAME, b"\x01")
    async with running(settings_for(tmp_path, limits=limits)) as rig:
        async with phone(rig.address) as client:
            for _ in range(200):
                await client.tls.send_all(query.encode())
            for _ in range(200):
                await client.answer()
        assert rig.count(TvsCount.QUERIES) == 200
        summed = "TVS, not listed one by one"
        await until(lambda: summed in rig.lines)
        answers = [e for e in rig.log.entries if e["event"] == "QUERY answered"]
        sums = sum(e["queries"] for e in rig.log.entries if e["event"] == summed)
        assert len(answers) + sums <= 200
        assert sums > 0
        assert all(len(str(v)) <= 128 for e in answers for v in e.values())


async def test_an_honest_answer_is_listed_with_its_names(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig:
        async with phone(rig.address) as client:
            await client.ask(replace(query_for(PUBLISHER), device="SEP001122334455"))
        (line,) = [e for e in rig.log.entries if e["event"] == "QUERY answered"]
        assert line["device"] == "SEP001122334455"
        assert line["issuer"] == PUBLISHER.issuer
