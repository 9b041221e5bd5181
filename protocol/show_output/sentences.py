"""The sentences and headings around the rows of `show ctl` and `show itl`.

Patterns for a text without blanks, as `paste.clean` makes it.
"""

import re
from typing import Final

from tokenless.protocol.show_output.rows import HEADER_ROWS, RECORD_ROWS, head_pattern

START: Final = re.compile(
    r"(?:Thechecksumvalueofthe(?P<kind>CTL|ITL)file:)?"
    r"(?:[0-9a-fA-F]{32}\(MD5\))?(?:[0-9a-fA-F]{40}\(SHA1\))?"
    r"Lengthof(?P<of>CTL|ITL)file:|Thechecksumvalueofthe(?:CTL|ITL)file:"
)
HEAD: Final = re.compile(
    r"(?:Thechecksumvalueofthe(CTL|ITL)file:)?"
    r"(?:(?P<md5>[0-9a-fA-F]{32})\(MD5\))?(?:(?P<sha1>[0-9a-fA-F]{40})\(SHA1\))?"
    r"Lengthof(?P<kind>CTL|ITL)file:(?P<length>[0-9]{1,9})"
)
MODIFIED: Final = re.compile(
    r"The(?P<kind>CTL|ITL)Filewaslastmodifiedon"
    r"(?P<when>(?:(?!File|Error|Version).){1,60}?)"
    r"(?=Parse(?:CTL|ITL)File|Version:|ErrorparsingtheCTL|ErrorparsingtheITL)"
)
PARSE: Final = re.compile(r"(?:Parse(?P<kind>CTL|ITL)File-*)?")
VERSION: Final = re.compile(r"Version:([0-9]{1,3}\.[0-9]{1,3}?)(?=HeaderLength:)")
HEADER_LENGTH: Final = re.compile(r"HeaderLength:([0-9]{1,5})(?:\(BYTES\))?")
COLUMNS: Final = re.compile(r"-*(?:BYTEPOSTAGLENGTHVALUE)?-*")
RECORD: Final = re.compile(
    r"(?P<kind>CTL|ITL)Record#:(?P<number>[0-9]{1,5}?)(?=-|BYTEPOS|"
    rf"{head_pattern(RECORD_ROWS)})"
)
ETOKEN: Final = re.compile(
    r"Thisetokenwas(?P<not>not)?usedtosignthe(?P<kind>CTL|ITL)file\.?"
)
END: Final = re.compile(
    r"The(?P<kind>CTL|ITL)file(?:(?P<good>wasverifiedsuccessfully)|couldnotbeverified"
    r"|wasnotverifiedsuccessfully|verificationfailed)\.?"
)
NOT_FOUND: Final = re.compile(
    r"(?P<kind>CTL|ITL)Filenotfound\..{0,200}?Errorparsingthe(?:CTL|ITL)File\.?"
)
UNPARSED: Final = re.compile(r"Errorparsingthe(?:CTL|ITL)File")
_SENTENCES: Final = r"Thisetokenwas|(?:CTL|ITL)Record#:|The(?:CTL|ITL)file"
NEXT_IN_HEADER: Final = re.compile(f"{head_pattern(HEADER_ROWS)}|{_SENTENCES}")
NEXT_IN_RECORD: Final = re.compile(f"{head_pattern(RECORD_ROWS)}|{_SENTENCES}")
NEXT: Final = re.compile(f"{NEXT_IN_HEADER.pattern}|{NEXT_IN_RECORD.pattern}")
BEGUN: Final = re.compile("Thechecksumvalue|Lengthof[CI]|Filewaslastmodified")
PIECE: Final = re.compile(
    r"(?:CTL|ITL)Record#:|[0-9]RECORDLENGTH|[0-9]SUBJECTNAME|[0-9]SIGNERNAME|[0-9]PUBLICKEY"
    r"|[0-9]ISSUERNAME|[0-9]CERTIFICATE[0-9]|[0-9]FUNCTION2|HeaderLength:[0-9]|\(SHA1HashHEX\)"
    r"|Thisetokenwas|The(?:CTL|ITL)filewasverified|BYTEPOSTAG|Parse(?:CTL|ITL)File"
    r"|DIGESTALGO|SIGNATUREMODULUS|[0-9]IPADDRESS4"
)
"""Labels of rows that are in lists only: outside of one, a part of a list was lost or
moved."""
