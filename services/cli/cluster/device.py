"""`tokenless device`: phones as administrators configure them.

Security profile, CAPF operation and status. Phones that registered by themselves have
no row until `set` names them.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from tokenless.command_line import gathered
from tokenless.ground.counting import counted
from tokenless.inputs import INPUT_FILE, read_input
from tokenless.protocol.capf.elements import KeyType
from tokenless.protocol.phones.device_security import (
    CAPF_AUTH_MODES,
    CAPF_OPERATIONS,
    SECURITY_MODES,
    DeviceTransport,
    profile_name,
)
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.services.changes.device_change import (
    KEY_SIZES,
    DeviceChange,
    finish_time,
    parse_finish_time,
)
from tokenless.services.changes.device_import import MAX_BYTES, read_devices_csv
from tokenless.services.changes.devices import (
    Selection,
    change_devices,
    find_device,
    list_devices,
    set_devices,
)
from tokenless.services.cli.certificates.view import export_certificate, export_options
from tokenless.services.cli.cluster.administration import (
    OpenedCluster,
    announce_change,
    cluster_options,
)
from tokenless.services.cli.cluster.digest import digest
from tokenless.services.cli.cluster.registrations import (
    presence_words,
    registration_json,
    registration_lines,
    status,
)
from tokenless.services.cli.file.json_output import iso
from tokenless.services.cli.options import key_size_type
from tokenless.services.cluster.presence import read_presences
from tokenless.services.errors import ServiceError
from tokenless.services.store.audit import administrator
from tokenless.services.store.devices import Device

_NONE_LISTED: Final = (
    "no phone is configured; `tokenless device status` has those that registered"
)
_TRANSPORTS: Final = {each.name.lower(): each for each in DeviceTransport}


@click.group()
def device() -> None:
    """Manage phones: security profile, CAPF, import from CSV."""


device.add_command(status)
device.add_command(digest)


@device.command("list")
@cluster_options
@click.option("--pool", help="List only phones of this device pool.")
@click.option("--model", help="List only phones of this model.")
def list_command(
    *,
    opened: OpenedCluster,
    pool: str | None,
    model: str | None,
    as_json: bool,
) -> None:
    """List the phones that an administrator configured."""
    with opened as cluster:
        devices = list_devices(cluster, Selection(pool=pool, model=model))
        present = read_presences(cluster)
    if as_json:
        listed = [
            device_json(each) | registration_json(present.get(each.name))
            for each in devices
        ]
        click.echo(json.dumps({"devices": listed}))
        return
    if not devices:
        click.echo(_NONE_LISTED, err=True)
    for each in devices:
        click.echo(
            f"{each.name}  {each.model}  {each.pool}  {_profile(each)}  "
            f"CAPF: {each.capf.status_words}  {presence_words(present.get(each.name))}"
        )


@device.command()
@click.argument("name")
@cluster_options
def show(*, name: str, opened: OpenedCluster, as_json: bool) -> None:
    """Show one phone's profile, CAPF fields and certificate."""
    with opened as cluster:
        found = find_device(cluster, name)
        presence = read_presences(cluster, found.name).get(found.name)
    if as_json:
        click.echo(json.dumps(device_json(found) | registration_json(presence)))
        return
    for line in (*_lines(found), *registration_lines(presence)):
        click.echo(line)


@device.command()
@click.argument("name")
@cluster_options
@export_options
def certificate(
    *,
    name: str,
    opened: OpenedCluster,
    output: Path | None,
    der: bool,
    as_json: bool,
) -> None:
    """Write a phone's certificate (LSC, else MIC) to a file."""
    with opened as cluster:
        found = find_device(cluster, name)
    if found.certificate is None:
        raise ServiceError(
            f"no certificate of {found.name} is known",
            hint="schedule `device set --capf install`, then boot the phone",
        )
    export_certificate(found.certificate, output, der=der, as_json=as_json)


def _change(
    *,
    model: str | None,
    pool: str | None,
    security: str | None,
    encrypted: bool,
    transport: str | None,
    encrypted_config: bool | None,
    capf: str | None,
    auth: str | None,
    auth_string: str | None,
    key_type: str | None,
    key_size: int | None,
    finish_by: str | None,
) -> DeviceChange:
    if encrypted and security not in {None, "encrypted"}:
        raise click.UsageError("--encrypted and --security exclude each other")
    mode = "encrypted" if encrypted else security
    return DeviceChange(
        model=model,
        pool=pool,
        security_mode=None if mode is None else SECURITY_MODES[mode],
        transport=None if transport is None else _TRANSPORTS[transport],
        encrypts_config=encrypted_config,
        operation=None if capf is None else CAPF_OPERATIONS[capf],
        auth_mode=None if auth is None else CAPF_AUTH_MODES[auth],
        string=auth_string,
        key_type=None if key_type is None else KeyType[key_type.upper()],
        key_size=key_size,
        finish_by=None if finish_by is None else parse_finish_time(finish_by),
    )


@device.command("set")
@click.argument("names", nargs=-1)
@cluster_options
@gathered(
    "change",
    _change,
    click.option(
        "--pool",
        help="The device pool of the phones that are named; without names, change all "
        "phones of this pool.",
    ),
    click.option(
        "--model",
        help="The model of the phones that are named; without names, change all phones "
        "of this model.",
    ),
    click.option(
        "--security", type=click.Choice(list(SECURITY_MODES)), help="Security mode."
    ),
    click.option("--encrypted", is_flag=True, help="Short for --security encrypted."),
    click.option(
        "--transport",
        type=click.Choice(list(_TRANSPORTS)),
        help="Transport of the phone's signalling.",
    ),
    click.option(
        "--encrypted-config/--clear-config",
        default=None,
        help="TFTP Encrypted Config: encrypt the phone's configuration file.",
    ),
    click.option(
        "--capf", type=click.Choice(list(CAPF_OPERATIONS)), help="CAPF operation."
    ),
    click.option(
        "--auth",
        type=click.Choice(list(CAPF_AUTH_MODES)),
        help="The phone's authentication to CAPF.",
    ),
    click.option(
        "--string", "auth_string", help="Authentication string: 4 to 10 digits."
    ),
    click.option(
        "--key-type", type=click.Choice(["rsa", "ec"]), help="Key type of the LSC."
    ),
    click.option(
        "--key-size",
        type=key_size_type(*KEY_SIZES.values()),
        help="Key size of the LSC in bits.",
    ),
    click.option(
        "--finish-by",
        help="End of the CAPF operation, YYYY:MM:DD:HH:MM in UTC; "
        "default: ten days from now.",
    ),
)
def set_command(
    *,
    names: tuple[str, ...],
    opened: OpenedCluster,
    change: DeviceChange,
    as_json: bool,
) -> None:
    """Change phones by name, or all phones of a pool or a model.

    A phone notices the change when it next fetches its configuration.
    """
    if not (names or change.pool or change.model):
        raise click.UsageError("name devices, or give --pool or --model")
    selection = Selection(names)
    if not names:
        selection = Selection((), change.pool, change.model)
        change = replace(change, pool=None, model=None)
    with opened as cluster:
        changed = set_devices(cluster, selection, change, by=administrator())
        announce_change(cluster)
    _report(changed, as_json=as_json)


@device.command("import")
@click.argument("file", type=INPUT_FILE)
@cluster_options
def import_command(*, file: Path, opened: OpenedCluster, as_json: bool) -> None:
    """Add and change phones from a CSV file: all rows or none.

    Columns: name, and any of model, pool, security (non-secure, authenticated,
    encrypted), encrypted_config (yes, no), capf (none, install, delete, troubleshoot),
    auth (string, null-string, lsc, mic), string, key_size.
    """
    with file.open("rb") as table:
        changes = read_devices_csv(read_input(table, MAX_BYTES), str(file))
    with opened as cluster:
        changed = change_devices(cluster, changes, by=administrator())
        announce_change(cluster)
    _report(changed, as_json=as_json)


def device_json(device: Device) -> dict[str, Any]:
    """Return a device as JSON; the authentication string is left out."""
    capf, certificate = device.capf, device.certificate
    return {
        "name": device.name,
        "model": device.model,
        "pool": device.pool,
        "profile": _profile(device),
        "security": device.security_mode.name.lower().replace("_", "-"),
        "transport": device.transport.name.lower(),
        "encrypted_config": device.encrypts_config,
        "digest_user": None if device.digest is None else device.digest.user,
        "capf": {
            "operation": capf.operation.name.lower(),
            "auth": next(k for k, v in CAPF_AUTH_MODES.items() if v is capf.auth_mode),
            "key_type": capf.key_type.name.lower(),
            "key_size": capf.key_size,
            "finish_by": _iso_or_none(capf.finish_by),
            "status": capf.status_words,
        },
        "certificate": None
        if certificate is None
        else {
            "md5": certificate.md5,
            "subject": certificate.subject_text,
            "issuer": certificate.issuer_text,
            "serial_number": certificate.serial_hex,
            "not_after": iso(certificate.not_after),
        },
    }


def _iso_or_none(at: int) -> str | None:
    return iso(datetime.fromtimestamp(at, UTC)) if at else None


def _profile(device: Device) -> str:
    return profile_name(
        device.model,
        PHONE_MODELS[device.model].protocol,
        device.security_mode,
        encrypts_config=device.encrypts_config,
    )


def _lines(device: Device) -> list[str]:
    capf, certificate = device.capf, device.certificate
    rows = {
        "Device Name": device.name,
        "Model": device.model,
        "Device Pool": device.pool,
        "Device Security Profile": _profile(device),
        "Device Security Mode": device.security_mode.words,
        "Transport Type": device.transport.name,
        "TFTP Encrypted Config": "True" if device.encrypts_config else "False",
        "Digest User": "" if device.digest is None else device.digest.user,
        "Certificate Operation": capf.operation.words,
        "Authentication Mode": capf.auth_mode.words,
        "Authentication String": capf.string,
        "Key Size (Bits)": f"{capf.key_type.name} {capf.key_size}",
        "Operation Completes By": finish_time(capf.finish_by),
        "Certificate Operation Status": capf.status_words,
        "Certificate": "none" if certificate is None else certificate.subject_text,
        "Issuer": "" if certificate is None else certificate.issuer_text,
        "certHash": device.certificate_hash,
    }
    return [f"{name}: {value}".rstrip() for name, value in rows.items()]


def _report(changed: list[Device], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"devices": [device_json(each) for each in changed]}))
    else:
        those = "it" if len(changed) == 1 else "them"
        click.echo(f"{counted(len(changed), 'device')} changed; reset {those}")
