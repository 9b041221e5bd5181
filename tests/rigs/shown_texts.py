"""`show ctl` and `show itl` texts of made-up clusters."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tokenless.protocol.show_output.parse import parse_shown_lists
from tokenless.protocol.show_output.shown_list import ShownList

CLOSING = "The {kind} file was verified successfully."
SAST = "System Administrator Security Token"
WORDS = (
    "Cisco",
    "Voice Team",
    "Müller & Söhne GmbH",
    "Town",
    "A very long organisation",
)


@dataclass(frozen=True)
class Member:
    """One record to print."""

    dns: str | None
    subject: str
    role: str
    issuer: str = ""
    key: int = 270
    signature: int | None = 256
    serial_length: int = 16
    certificate: int | None = 955
    etoken: bool | None = None
    is_emptied: bool = False
    hashed: bool = False

    @property
    def serial(self) -> bytes:
        seed = f"{self.subject}{self.issuer}{self.key}".encode()
        return hashlib.sha256(seed).digest()[: self.serial_length]


@dataclass(frozen=True)
class Shown:
    """A list to print."""

    kind: str
    signer: Member
    members: Sequence[Member]
    dump: bool = True
    header_more: int = 0
    notes: dict[str, str] = field(default_factory=dict)


def row(tag: int, name: str, length: int, value: str = "") -> str:
    return f"{tag}\t{name}\t{'' if len(name) > 7 else chr(9)}{length}\t{value}".rstrip(
        "\t"
    )


def size(text: str) -> int:
    return len(text.encode()) + 1


def serial_text(serial: bytes) -> str:
    return serial.hex(":").upper()


def member_rows(member: Member) -> tuple[list[str], int]:
    issuer = member.issuer or member.subject
    rows: list[tuple[int, str, int, str]] = []
    if member.dns is not None:
        rows.append((2, "DNSNAME", size(member.dns), member.dns))
    if member.is_emptied:
        rows += [(4, "FUNCTION", 2, member.role), (10, "IPADDRESS", 4, "")]
    else:
        rows += [
            (3, "SUBJECTNAME", size(member.subject), member.subject),
            (4, "FUNCTION", 2, member.role),
            (5, "ISSUERNAME", size(issuer), issuer),
            (6, "SERIALNUMBER", len(member.serial), serial_text(member.serial)),
        ]
        if member.hashed:
            rows += [
                (10, "IPADDRESS", 4, ""),
                (11, "CERTHASH", 20, ""),
                (12, "HASHALGORITHM", 1, ""),
            ]
        else:
            rows.append((7, "PUBLICKEY", member.key, ""))
            if member.signature is not None:
                rows.append((8, "SIGNATURE", member.signature, ""))
            rows.append((9, "CERTIFICATE", member.certificate or 0, "#"))
            if member.dns is not None:
                rows.append((10, "IPADDRESS", 4, ""))
    total = 5 + sum(3 + length for _, _, length, _ in rows)
    lines = [row(1, "RECORDLENGTH", 2, str(total))]
    for tag, name, length, value in rows:
        if value == "#":
            digest = hashlib.sha1(member.serial).digest().hex(" ").upper()  # noqa: S324
            lines.append(row(tag, name, length, digest[:47]))
            lines.append(f"\t\t\t\t{digest[48:]} (SHA1 Hash HEX)")
        else:
            lines.append(row(tag, name, length, value))
    return lines, total


def text_of(shown: Shown) -> str:
    """Return what the command prints, with the tabs expanded."""
    kind, signer = shown.kind, shown.signer
    issuer = signer.issuer or signer.subject
    ids = 9 + size(signer.subject) + len(signer.serial) + size(issuer)
    width = signer.signature or 256
    header = 10 + 3 + ids + 18 + 3 + width + 15 + 7 + shown.header_more
    header += -header % 4
    parts, total = [], header
    for number, member in enumerate(shown.members, 1):
        rows, length = member_rows(member)
        total += length
        parts += [f"\t{kind} Record #:{number}", "\t  ----"]
        parts += ["BYTEPOS\tTAG\t\tLENGTH\tVALUE", "-------\t---\t\t------\t-----"]
        parts += rows
        if member.role == SAST:
            used = "used" if member.etoken else "not used"
            parts.append(f"This etoken was {used} to sign the {kind} file.")
        parts.append("")
    digits = hashlib.shake_128(signer.serial).digest(width)
    dump = [
        "  ".join(f"{byte:x}" for byte in digits[at : at + 8])
        for at in range(0, width, 8)
    ]
    lines = [
        f"The checksum value of the {kind} file:",
        f"{'0c' * 16}(MD5)",
        f"{'9d' * 20}(SHA1)",
        "",
        f"Length of {kind} file: {total}",
        f"The {kind} File was last modified on Fri Mar 06 19:45:13 CET 2015",
        "",
        f"\tParse {kind} File",
        "\t----------------",
        "",
        "Version:\t1.2",
        f"HeaderLength:\t{header} (BYTES)",
        "",
        "BYTEPOS\tTAG\t\tLENGTH\tVALUE",
        "-------\t---\t\t------\t-----",
        row(3, "SIGNERID", 2, str(ids)),
        row(4, "SIGNERNAME", size(signer.subject), signer.subject),
        row(5, "SERIALNUMBER", len(signer.serial), serial_text(signer.serial)),
        row(6, "CANAME", size(issuer), issuer),
        row(7, "SIGNATUREINFO", 2, "15"),
        row(8, "DIGESTALGORTITHM", 1),
        row(9, "SIGNATUREALGOINFO", 2, "8"),
        row(10, "SIGNATUREALGORTITHM", 1),
        row(11, "SIGNATUREMODULUS", 1),
        row(12, "SIGNATURE", width),
        *(dump if shown.dump else []),
        row(14, "FILENAME", 12),
        row(15, "TIMESTAMP", 4),
        "",
        *parts,
        CLOSING.format(kind=kind),
    ]
    return "\n".join(line.expandtabs() for line in lines) + "\n"


def made_up(chance: Random) -> Shown:
    """Return a list of a made-up cluster: tokens, EC, CA-signed, 8.x, emptied."""
    suffix = ";".join(
        f"{key}={chance.choice(WORDS)}" for key in chance.sample(["OU", "O", "L"], 2)
    )
    domain = chance.choice(["", ".example.test", ".voice.a-rather-long-name.example"])
    count = chance.randint(1, 4)
    hosts = [f"cucm-{chance.choice(['pub', 'sub', 'tftp'])}{n}" for n in range(count)]
    ca = chance.choice(["", "", "CN=Example Issuing CA 2;O=Example;C=US"])
    kind = chance.choice(["CTL", "ITL"])
    server = chance.choice(["CCM+TFTP", "CCM+TFTP", "TFTP"])
    emptied = kind == "CTL" and chance.random() < 0.15
    members: list[Member] = []
    names = [f"CN={host}{domain};{suffix};ST=State;C=PL" for host in hosts]
    own = Member(hosts[0], names[0], SAST, ca, etoken=True)
    if kind == "CTL" and chance.random() < 0.3:
        token = 'cn="SAST-ADN0054f509        ";ou=IPCBU;o="Cisco Systems'
        maker = "cn=Cisco Manufacturing CA;o=Cisco Systems"
        own = Member("", token, SAST, maker, 140, None, 10, 902, etoken=True)
    members.append(own)
    for host, name in zip(hosts, names, strict=True):
        if kind == "CTL" or host == hosts[0]:
            members.append(Member(host, name, server, ca, is_emptied=emptied))
            if chance.random() < 0.3:
                ec = name.replace(host, f"{host}-EC", 1)
                members.append(Member(host, ec, server, "", 97, 103, 16, 560))
        if kind == "ITL":
            old = chance.random() < 0.2
            members.append(Member(host, name, "TVS", "", 140, 128, hashed=old))
    capf = f"CN=CAPF-0a1b2c3d;{suffix};ST=State;C=PL"
    members.append(Member(hosts[0], capf, "CAPF", "", 140, 128, 16, 680))
    if chance.random() < 0.5:
        recovery = f"CN=ITLRECOVERY_{hosts[0]}{domain};{suffix};ST=State;C=PL"
        members.append(Member(hosts[0], recovery, SAST, etoken=False))
    return Shown(kind, own, members, chance.random() < 0.5, chance.choice([0, 0, 0, 5]))


def parse_shown_list(text: str) -> ShownList:
    """Read a pasted text that has one list."""
    (shown,) = parse_shown_lists(text)
    return shown
