"""The hot rooms as C extensions, compiled by mypyc from the same sources.

    python -m tools.compiled            # beside the sources of this checkout
    python -m tools.compiled --remove   # back to plain Python

Optional: without a compiler everything runs, at a higher price a packet. Python takes
an extension before the source of the same name, so after a change of a source it has to
be compiled again; the test suite refuses to run with an old one.

The same as a wheel for this platform: `HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 python -m
hatchling build -t wheel`, which runs `CompiledRooms`.
"""

import argparse
import contextlib
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCES: Final = ROOT / "src"
_SUFFIX: Final = sysconfig.get_config_var("EXT_SUFFIX")
_GROUP: Final = "tokenless.compiled"
SHARED: Final = f"{_GROUP}__mypyc"
"""The extension with the code of all rooms."""

# What every packet of a client passes. Left out: what other rooms inherit from (mypyc's
# classes cannot be extended in Python), and modules with coroutines.
MODULES: Final = tuple(
    f"tokenless/{module}.py"
    for module in (
        "protocol/tftp/blocks",
        "protocol/tftp/endings",
        "protocol/tftp/options",
        "protocol/tftp/packets",
        "protocol/tftp/transfer",
        "protocol/tvs/elements",
        "protocol/tvs/messages",
        "protocol/wire",
        "services/stream_server/connections/connection",
        "services/stream_server/connections/log",
        "services/stream_server/connections/tls_channel",
        "services/stream_server/connections/waits",
        "services/stream_server/loop/accepting",
        "services/stream_server/loop/loop",
        "services/stream_server/loop/shares",
        "services/stream_server/loop/turns",
        "services/short_wait",
        "services/tftp/counters",
        "services/tftp/engine",
        "services/tftp/intake",
        "services/tftp/requests",
        "services/tftp/turns",
        "services/tftp/sockets/listener",
        "services/tftp/sockets/ports",
        "services/tftp/transfers/deadlines",
        "services/tftp/transfers/pending_files",
        "services/tftp/transfers/session",
        "services/tftp/transfers/table",
        "services/tvs/caches",
        "services/tvs/counters",
        "services/tvs/decision",
        "services/tvs/log_lines",
    )
)


def extensions() -> Sequence[Path]:
    """Return the extensions that lie beside the sources."""
    rooms = [(SOURCES / module).with_suffix(_SUFFIX) for module in MODULES]
    shared = SOURCES / f"{SHARED.replace('.', '/')}{_SUFFIX}"
    return [path for path in (*rooms, shared) if path.exists()]


def outdated() -> Sequence[str]:
    """Return the modules whose source is newer than its extension."""
    pairs = [
        (SOURCES / each, (SOURCES / each).with_suffix(_SUFFIX)) for each in MODULES
    ]
    return [
        str(source.relative_to(SOURCES))
        for source, extension in pairs
        if extension.exists() and extension.stat().st_mtime < source.stat().st_mtime
    ]


def compile_into(folder: Path) -> None:
    """Compile all rooms; the extensions lie in `folder` as the modules do in `src`.

    Raises:
        SystemExit: When mypyc refuses a module, or there is no C compiler.
    """
    # Only who compiles needs them.
    from mypyc.build import mypycify  # noqa: PLC0415
    from setuptools import Distribution  # noqa: PLC0415

    with (
        tempfile.TemporaryDirectory(prefix="tokenless-compiled-") as scratch,
        contextlib.chdir(SOURCES),
    ):
        options = ["--ignore-missing-imports", *MODULES]
        made = mypycify(options, group_name=_GROUP, target_dir=scratch)
        distribution = Distribution({"name": "tokenless", "ext_modules": made})
        command: Any = distribution.get_command_obj("build_ext")
        command.build_lib, command.build_temp = str(folder), scratch
        command.ensure_finalized()
        command.run()


def remove() -> int:
    """Delete the extensions beside the sources; return how many there were."""
    found = extensions()
    for path in found:
        path.unlink()
    return len(found)


class CompiledRooms(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the extensions to a wheel, which is then one for this platform only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and name the files; an editable install has them by `main`."""
        if version == "editable":
            return
        self._folder = Path(tempfile.mkdtemp(prefix="tokenless-wheel-"))
        compile_into(self._folder)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"].update(dict(_by_place(self._folder)))

    def finalize(
        self, version: str, build_data: dict[str, Any], artifact_path: str
    ) -> None:
        """Delete what was compiled; the wheel has it."""
        del build_data, artifact_path
        if version != "editable":
            shutil.rmtree(self._folder)


def _by_place(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob(f"*{_SUFFIX}")):
        yield str(path), str(path.relative_to(folder))


def main() -> None:
    """Compile beside the sources, or remove what was compiled."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--remove", action="store_true", help="back to plain Python")
    if parser.parse_args().remove:
        print(f"{remove()} extensions removed")  # noqa: T201
        return
    compile_into(SOURCES)
    print(f"{len(extensions())} extensions lie beside their sources")  # noqa: T201


if __name__ == "__main__":
    main()
