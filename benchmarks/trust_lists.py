"""The speed of reading, verifying, building and writing trust lists.

    python -m benchmarks.trust_lists [--seconds 2] [--json]

One core, one process; CPU time counts, so that neighbours do not. The list is that of
a lab: four records, all keys RSA-2048. Rates are medians of five runs. "Warm" meets the
same certificates again, as phones and nodes do; "cold" forgets every certificate
and name before each list. OpenSSL's own verification is beside them: it is the floor.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.rigs import minting
from tokenless.protocol.certificates import certificate, names
from tokenless.protocol.codes import Role
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import record_for, sign_trust_list

RUNS = 5
TIME = 1425667513


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one benchmark."""

    name: str
    rate: float
    microseconds: float


def lab_list() -> TrustList:
    """Return the lab's list with RSA-2048 throughout."""
    publisher = minting.server(minting.PUBLISHER, 2048)
    members = (
        (publisher, Role.SAST),
        (publisher, Role.CCM_TFTP),
        (minting.server("capf", 2048), Role.CAPF),
        (minting.server(minting.SUBSCRIBER, 2048), Role.CCM_TFTP),
    )
    records = [
        record_for(who.certificate, role, dns_name="node", ip_address="192.0.2.1")
        for who, role in members
    ]
    return sign_trust_list("CTLFile.tlv", records, publisher.signer, timestamp=TIME)


def rate_of(action: Callable[[], object], seconds: float) -> float:
    """Return the median of runs a second."""
    rates = []
    for _ in range(RUNS):
        count = 0
        begun = time.process_time()
        end = begun + seconds / RUNS
        while (now := time.process_time()) < end:
            for _ in range(20):
                action()
            count += 20
        rates.append(count / (now - begun))
    return statistics.median(rates)


def benchmarks() -> dict[str, Callable[[], object]]:
    """Return what is measured, by name."""
    trust_list = lab_list()
    data, records = trust_list.data, trust_list.records
    signer = minting.server(minting.PUBLISHER, 2048).signer
    key = signer.certificate.public_key
    if not isinstance(key, RSAPublicKey):
        msg = "the benchmark is for RSA"
        raise TypeError(msg)
    signed = trust_list.header.signed_part(data)
    signature = trust_list.header.signature
    padding, digest = PKCS1v15(), hashes.SHA1()  # noqa: S303 - what lists are signed with

    def forget() -> None:
        certificate._decode_cached.cache_clear()  # noqa: SLF001
        names._rdn_attributes.cache_clear()  # noqa: SLF001

    def cold() -> None:
        forget()
        TrustList.decode(data).verify(key)

    def build() -> None:
        sign_trust_list("CTLFile.tlv", records, signer, timestamp=TIME)

    return {
        "OpenSSL verify alone (floor)": lambda: key.verify(
            signature, signed, padding, digest
        ),
        "parse + verify, warm": lambda: TrustList.decode(data).verify(key),
        "parse + verify, cold": cold,
        "parse + encode, warm": lambda: TrustList.decode(data).encode(),
        "OpenSSL sign alone": lambda: signer.sign(signed, trust_list.header.digest),
        "build + sign": build,
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="a benchmark")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = [
        Result(name, rate, 1e6 / rate)
        for name, action in benchmarks().items()
        for rate in (rate_of(action, options.seconds),)
    ]
    length = len(lab_list().data)
    if options.json:
        rates = {result.name: round(result.rate) for result in results}
        print(json.dumps({"length": length, "rates_a_second": rates}))
        return
    print(f"a list of {length} bytes, 4 records, RSA-2048")
    for result in results:
        print(f"{result.name:30} {result.rate:9.0f}/s {result.microseconds:8.1f} µs")


if __name__ == "__main__":
    main()
