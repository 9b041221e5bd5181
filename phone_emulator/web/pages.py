"""The pages of a phone's web server, drawn from its flash (REFERENCE 4.4).

    /CGI/Java/Serviceability?adapter=device.statistics.device          also /
                                     device.statistics.configuration
                                     device.statistics.port.network
                                     device.statistics.consolelog
                                     device.statistics.statusmessages
    /DeviceInformationX                                                 XML
    /FS/cache/log0.log                79xx
    /FS/messages                      78xx, 88xx

Paths, and the markup of a row, are those that public tools look for; which rows there
are is ours.
"""

from collections.abc import Callable, Iterable
from html import escape
from typing import Final
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

from tokenless.phone_emulator.flash import FolderFlash, PhoneState
from tokenless.phone_emulator.screen import describe
from tokenless.phone_emulator.security_screen import kept
from tokenless.phone_emulator.web.http_server import Page
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.host_port import join_host_port
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.models import PHONE_MODELS, LogForm, PhoneModel

_SERVICEABILITY: Final = "/CGI/Java/Serviceability"
_LOG_PATHS: Final = {
    LogForm.SECD: "/FS/cache/log0.log",
    LogForm.SECUREAPP: "/FS/messages",
}
_OTHER_NAMES: Final = {
    "device.statistics.statusmessage": "device.statistics.statusmessages",
    "device.settings.status.messages": "device.statistics.statusmessages",
}
"""Adapters as other loads call them; scrapers use the short names of some, too."""
_Rows = Iterable[tuple[str, str]]


class _Markup(str):
    """A value that is HTML already."""

    __slots__ = ()


class PhoneSite:
    """The web server of the phone whose flash is a folder; read at each request."""

    def __init__(self, flash: FolderFlash) -> None:
        self._flash = flash
        self._adapters: dict[str, tuple[str, Callable[[], _Rows]]] = {
            "device.statistics.device": ("Device Information", self._device),
            "device.statistics.configuration": (
                "Network Configuration",
                self._configuration,
            ),
            "device.statistics.port.network": ("Network Statistics", self._network),
            "device.statistics.consolelog": ("Console Logs", self._logs),
            "device.statistics.statusmessages": ("Status Messages", self._messages),
        }

    def __call__(self, target: str) -> Page | None:
        """Return the page for a target, None when there is none."""
        path, _, query = target.partition("?")
        if path == "/":
            return self._adapter("device.statistics.device")
        if path == _SERVICEABILITY:
            return self._adapter(parse_qs(query).get("adapter", [""])[0])
        if path == "/DeviceInformationX":
            return Page(self._device_information(), "text/xml; charset=utf-8")
        if path == _LOG_PATHS[self._model.log_form]:
            return Page(self._flash.read_log().encode(), "text/plain; charset=utf-8")
        return None

    @property
    def _state(self) -> PhoneState:
        return self._flash.known_state()

    @property
    def _model(self) -> PhoneModel:
        return PHONE_MODELS[self._state.model]

    def _adapter(self, name: str) -> Page | None:
        name = _OTHER_NAMES.get(name, name)
        found = self._adapters.get(name) or self._adapters.get(
            f"device.statistics.{name}"
        )
        if found is None:
            return None
        title, rows = found
        return Page(_html(f"{title} - {self._state.device}", rows()).encode())

    def _device(self) -> _Rows:
        state, model = self._state, self._model
        yield "MAC Address", state.device.removeprefix("SEP")
        yield "Host Name", state.device
        yield "Model Number", f"CP-{model.name}"
        yield "Version", model.load
        yield from self._lists("File.tlv")

    def _lists(self, ending: str) -> _Rows:
        """Return the lists with their checksums: `ITLFile.tlv`, or `ITL file`."""
        model = self._model
        mic, lsc = kept(self._flash.certificates)
        yield "MIC", mic.words
        yield "LSC", lsc.words
        for name, described in describe(model, self._flash.load()).items():
            checksum = (
                "Not Installed" if described is None else described[model.checksum]
            )
            yield name.removesuffix("File.tlv") + ending, checksum

    def _configuration(self) -> _Rows:
        yield "Host Name", self._state.device
        yield from self._lists(" file")
        configuration = self._accepted()
        if configuration is None:
            yield "Configuration", "none"
            return
        for number, member in enumerate(configuration.callmanagers, 1):
            yield f"CallManager {number}", member.address
        for number, server in enumerate(configuration.tvs, 1):
            yield f"TVS {number}", join_host_port(server.address, server.port)
        yield "Security Mode", str(configuration.security_mode)
        yield "Version Stamp", configuration.version_stamp

    def _network(self) -> _Rows:
        queries = self._state.report.get("tvs", [])
        yield "TVS queries of the last boot", str(len(queries))

    def _logs(self) -> _Rows:
        path = _LOG_PATHS[self._model.log_form]
        yield "Console log", _Markup(f'<a href="{path}">{path}</a>')

    def _messages(self) -> _Rows:
        for number, line in enumerate(self._state.status_lines, 1):
            yield str(number), line

    def _device_information(self) -> bytes:
        state, model = self._state, self._model
        root = ET.Element("DeviceInformation")
        for tag, value in (
            ("MACAddress", state.device.removeprefix("SEP")),
            ("HostName", state.device),
            ("phoneDN", ""),
            ("appLoadID", model.load),
            ("versionID", model.load),
            ("modelNumber", f"CP-{model.name}"),
        ):
            ET.SubElement(root, tag).text = value
        text: str = ET.tostring(root, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()

    def _accepted(self) -> PhoneConfig | None:
        data = self._flash.load().configuration
        try:
            return None if data is None else PhoneConfig.decode(data)
        except DecodeError:
            return None


def _html(title: str, rows: _Rows) -> str:
    # A label and a value in bold with an empty cell between, in a table that is in a
    # centred DIV in a cell, letters as phones write them: what scrapers look for.
    body = "\n".join(
        f"<TR><TD><B> {escape(name)}</B></TD><td width=20></TD>"
        f"<TD><B>{_cell(value)}</B></TD></TR>"
        for name, value in rows
    )
    return (
        "<!DOCTYPE html><html><head>"
        f"<title>{escape(title)}</title></head><body>\n"
        f"<h1>{escape(title)}</h1>\n"
        '<table><tr><td VALIGN=top><DIV ALIGN=center>\n<TABLE BORDER="0">\n'
        f"{body}\n</TABLE>\n</DIV></td></tr></table>\n</body></html>\n"
    )


def _cell(value: str) -> str:
    return value if isinstance(value, _Markup) else escape(value)
