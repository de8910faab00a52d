"""What the published SDK 2.4.0 gets wrong with confidential machines, row by row: it holds here.

The numbers are those of the rows in which the differences were recorded.
"""

from __future__ import annotations

import hmac
import tempfile
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aleph_async import (
    ApiError,
    ArgumentError,
    AttestationError,
    AuthenticatedAlephHttpClient,
    CertificateError,
    ConfidentialDisabled,
    ETHAccount,
    InitializationRefused,
    MalformedAnswerError,
    NotAuthorized,
    NotConfidential,
    SecretRefused,
    VmConfidentialClient,
    VmNotFound,
    VmNotRunning,
    VmRunning,
    sev,
)
from aleph_devnode import DevNode
from tests.hostile import answer
from tests.hostile_platform import files
from tests.scripted import node as scripted_node

from .confidential import confidential_client, publish_confidential

pytestmark = pytest.mark.anyio

ABSENT = "e" * 64
CONTROL = f"/control/machine/{ABSENT}/confidential"
TIK = "9e939311ce26b5119f5df07e1ba10177"
FIRMWARE_HASH = "d06471f485c0a61aba5a431ec136b947be56907acf6ed96afb11788ae4525aeb"
MEASURED: dict[str, Any] = {
    "sev_info": {"enabled": True, "api_major": 1, "api_minor": 55, "build_id": 24, "policy": 1},
    "launch_measure": "ls2jv10V3HVShVI/RHCo/a43WO0soLZf0huU9ZZstIxRFA2okCqH/Z6nh2uPH9e8",
}


@pytest.fixture
async def vm_client(node: DevNode, account: ETHAccount) -> AsyncIterator[VmConfidentialClient]:
    client = confidential_client(node, account)
    yield client
    await client.aclose()


@pytest.fixture
async def vm_id(client: AuthenticatedAlephHttpClient, vm_client: VmConfidentialClient) -> str:
    """A machine that waits for its owner."""
    vm_id = await publish_confidential(client)
    await vm_client.start_instance(vm_id, raise_on_error=True)
    return vm_id


@pytest.fixture
def session(node: DevNode) -> sev.LaunchSession:
    chain = sev.PlatformCertificates.from_bytes(node.processor.certificates())
    return sev.LaunchSession.create(chain)


async def test_row_8_a_measurement_that_is_not_there_yet_is_told_from_every_other_refusal(
    node: DevNode, vm_client: VmConfidentialClient, vm_id: str
) -> None:
    with pytest.raises(VmNotRunning):
        await vm_client.measurement(vm_id, timeout=0)
    with pytest.raises(VmNotFound):
        await vm_client.measurement(ABSENT)
    async with confidential_client(node, ETHAccount.generate()) as stranger:
        with pytest.raises(NotAuthorized):
            await stranger.measurement(vm_id)
    qemu = answer({"error": "SEV is not enabled", "error_type": "x"}, status=500)
    with scripted_node({f"{CONTROL}/measurement": qemu}) as server:
        async with VmConfidentialClient(ETHAccount.generate(), server.url) as asking:
            with pytest.raises(ApiError, match="SEV is not enabled") as caught:
                await asking.measurement(ABSENT, timeout=0)
    assert not isinstance(caught.value, VmNotRunning)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("vm_running", VmRunning),
        ("not_confidential", NotConfidential),
        ("field_missing", InitializationRefused),
    ],
)
async def test_row_9_what_the_node_says_of_a_refusal_is_not_lost(
    code: str, kind: type[InitializationRefused]
) -> None:
    refused = answer({"code": code, "description": "in the node's words"}, status=400)
    qemu = answer({"error": "in QEMU's words", "error_type": "x"}, status=500)
    table = {f"{CONTROL}/initialize": refused, f"{CONTROL}/inject_secret": qemu}
    with scripted_node(table) as server:
        async with VmConfidentialClient(ETHAccount.generate(), server.url) as vm_client:
            with pytest.raises(kind, match="in the node's words") as caught:
                await vm_client.initialize(ABSENT, bytes(128), bytes(2084))
            assert (caught.value.code, caught.value.status) == (code, 400)
            with pytest.raises(SecretRefused, match="in QEMU's words") as lost:
                await vm_client.inject_secret(ABSENT, bytes(52), bytes(16))
            assert lost.value.status == 500


async def test_row_10_both_parts_of_a_session_have_file_names_and_no_warning(
    vm_client: VmConfidentialClient, vm_id: str, session: sev.LaunchSession
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # This node, as the real one, fails at parts without a file name.
        await vm_client.initialize(vm_id, session.session, session.godh)
    text = answer("Started VM", content_type="text/plain")
    with scripted_node({f"{CONTROL}/initialize": text}) as server:
        async with VmConfidentialClient(ETHAccount.generate(), server.url) as sending:
            await sending.initialize(ABSENT, session.session, session.godh)
    sent = {name: data.decode() for name, data in files(server.requests[0]).items()}
    assert sent == {"session": session.session_base64, "godh": session.godh_base64}


@pytest.mark.parametrize("passphrase", ["é" * 9, "pässwörd-é", "日本語", "ascii"])
async def test_row_11_lengths_are_those_of_bytes(
    node: DevNode,
    vm_client: VmConfidentialClient,
    vm_id: str,
    session: sev.LaunchSession,
    passphrase: str,
    tmp_path: Path,
) -> None:
    session.save(tmp_path)
    await vm_client.initialize(vm_id, session.session, session.godh)
    measurement = await vm_client.measurement(vm_id)
    keys = tmp_path / "vm_tek.bin", tmp_path / "vm_tik.bin"
    packet = await vm_client.build_secret(*keys, measurement, passphrase)
    await vm_client.inject_secret(vm_id, *packet)
    assert node.revealed_secret(vm_id) == passphrase
    ((_, data),) = node.revealed_secrets(vm_id).items()
    assert data == passphrase.encode() + b"\0"


async def test_row_12_no_session_without_a_verified_platform_and_no_file_without_certificates(
    node: DevNode,
    account: ETHAccount,
    vm_client: VmConfidentialClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forged = bytearray(node.processor.certificates())
    forged[20] ^= 1
    path = tmp_path / "forged.cert"
    path.write_bytes(forged)
    folder, temporary = tmp_path / "session", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with pytest.raises(CertificateError):
        await vm_client.create_session("vm", path, 1, folder=folder)
    assert not folder.exists()
    _, genuine = await vm_client.get_certificates(tmp_path / "genuine.cert")
    with pytest.raises(ArgumentError) as caught:
        await vm_client.create_session("vm", genuine, 1 << 7, folder=folder)
    assert caught.value.argument == "policy"
    await vm_client.create_session("vm", genuine, 1, folder=folder)
    session = sev.LaunchSession.load(folder)
    assert (session.has_policy(1), session.has_policy(0)) == (True, False)
    body = {"error": "Confidential computing setting not enabled on that server"}
    for step, status in ((answer(body, status=503), 503), (answer(body), None)):
        with scripted_node({"/about/certificates": step}) as server:
            async with VmConfidentialClient(account, server.url, retry=None) as asking:
                if status is None:
                    with pytest.raises(MalformedAnswerError):
                        await asking.get_certificates()
                else:
                    result = await asking.get_certificates()
                    assert (result.status, result.path) == (status, None)
                    assert isinstance(result.error, ConfidentialDisabled)
    assert list(temporary.iterdir()) == []


async def test_row_13_a_measure_is_48_bytes_and_compared_in_constant_time(
    vm_client: VmConfidentialClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tik = tmp_path / "tik.bin"
    tik.write_bytes(bytes.fromhex(TIK))
    tik.chmod(0o600)
    compared: list[int] = []

    def compare(one: Any, other: Any) -> bool:
        compared.append(len(other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert await vm_client.validate_measure(MEASURED, tik, FIRMWARE_HASH)
    assert compared == [32]
    for measure in (
        "",
        "AAAA",
        MEASURED["launch_measure"][:-4],
        MEASURED["launch_measure"] + "AAAA",
    ):
        with pytest.raises(AttestationError, match="no measurement"):
            await vm_client.validate_measure(
                {**MEASURED, "launch_measure": measure}, tik, FIRMWARE_HASH
            )
