"""The TVS daemon alone, with one certificate in its DB cache: what benchmarks measure.

    python benchmarks/tvs_daemon.py CERT.pem KEY.pem ASKED.pem [--workers N]

Prints the port that it took. Logs as TOKENLESS_LOG_LEVEL says.
"""

import argparse
import gc
from pathlib import Path

import trio

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import TrustStore
from tokenless.services.logs import configure_logs
from tokenless.services.stream_server.settings import OwnCertificate
from tokenless.services.tvs.caches import CachedCertificate, Caches
from tokenless.services.tvs.server import TvsServer
from tokenless.services.tvs.settings import TvsSettings


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("certificate", type=Path)
    parser.add_argument("key", type=Path)
    parser.add_argument("asked", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args()


async def _serve(server: TvsServer) -> None:
    _address, port = await server.bind()
    print(port, flush=True)
    await server.serve()


def main() -> None:
    """Serve until killed."""
    arguments = _arguments()
    configure_logs()
    own = OwnCertificate.load(arguments.certificate, arguments.key)
    # The asked certificate is read like the own one: only its bytes are wanted.
    asked = Certificate.decode(OwnCertificate.load(arguments.asked, arguments.key).der)
    caches = Caches()
    caches.db.replace([CachedCertificate.of(asked, TrustStore.CALLMANAGER.roles)])
    settings = TvsSettings((own,), port=0, workers=arguments.workers)
    gc.freeze()
    trio.run(_serve, TvsServer(caches, settings))


if __name__ == "__main__":
    main()
