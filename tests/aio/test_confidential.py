"""Starting confidential machines on the local node: step by step, and in one call."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from aleph_async import (
    ArgumentError,
    AttestationError,
    AuthenticatedAlephHttpClient,
    CertificateError,
    ConfidentialDisabled,
    ConfigurationError,
    ETHAccount,
    InitializationRefused,
    NotAuthorized,
    NotConfidential,
    SecretRefused,
    VmClient,
    VMConfidentialClient,
    VmConfidentialClient,
    VmNotFound,
    VmNotRunning,
    VmRunning,
    sev,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode

from .confidential import confidential_client, publish_confidential
from .machines import publish_instance

pytestmark = pytest.mark.anyio

ABSENT = "e" * 64
PASSPHRASES = ["correct horse battery staple", "pässwörd-é 🔑", "x"]
FILES = ["my_vm_godh.b64", "my_vm_session.b64", "my_vm_tek.bin", "my_vm_tik.bin"]
OTHER = "11111111-2222-3333-4444-555566667777"


@pytest.fixture
async def vm_client(node: DevNode, account: ETHAccount) -> AsyncIterator[VmConfidentialClient]:
    client = confidential_client(node, account)
    yield client
    await client.aclose()


@pytest.fixture
async def vm_id(client: AuthenticatedAlephHttpClient) -> str:
    """A confidential instance of the account that is not started."""
    return await publish_confidential(client)


@pytest.fixture
async def waiting(vm_client: VmConfidentialClient, vm_id: str) -> str:
    """A confidential instance of the account that waits for its owner."""
    assert (await vm_client.start_instance(vm_id)).ok
    return vm_id


@pytest.fixture
def firmware_hash(node: DevNode) -> str:
    return sha256(node.firmware).hexdigest()


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty current folder, and an empty one for temporary files."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def make_session(client: VmConfidentialClient, **options: Any) -> Path:
    """Make a session in the current folder, and return that."""
    _, path = await client.get_certificates()
    return await client.create_session("my_vm", path, **options)


async def initialized(client: VmConfidentialClient, vm_id: str, **options: Any) -> Path:
    folder = await make_session(client, **options)
    await client.initialize(vm_id, folder / "my_vm_session.b64", folder / "my_vm_godh.b64")
    return folder


async def test_a_machine_is_started_step_by_step(
    node: DevNode, vm_client: VmConfidentialClient, waiting: str, firmware_hash: str
) -> None:
    status, certificates = await vm_client.get_certificates()
    assert status == 200
    assert (await vm_client.verify_certificates(certificates)).product == "devnode"
    folder = await vm_client.create_session("my_vm", certificates, 1)
    said = await vm_client.initialize(
        waiting, folder / "my_vm_session.b64", folder / "my_vm_godh.b64"
    )
    assert said == f"Started VM with ref {waiting}"
    measurement = await vm_client.measurement(waiting)
    tek, tik = folder / "my_vm_tek.bin", folder / "my_vm_tik.bin"
    assert await vm_client.validate_measure(measurement, tik, firmware_hash) is True
    header, secret = await vm_client.build_secret(tek, tik, measurement, "pässwörd")
    answer = await vm_client.inject_secret(waiting, header, secret)
    assert answer["status"]["running"] is True
    assert node.revealed_secret(waiting) == "pässwörd"


class TestCertificates:
    async def test_they_come_in_a_private_file(
        self, node: DevNode, vm_client: VmConfidentialClient
    ) -> None:
        result = await vm_client.get_certificates()
        assert result.ok
        assert result.path is not None
        assert (result[0], result[1], len(result)) == (200, result.path, 2)
        assert result.raise_for_status() is result
        assert result.path.read_bytes() == node.processor.certificates()
        if os.name == "posix":
            assert stat.S_IMODE(result.path.parent.stat().st_mode) == 0o700

    async def test_they_go_where_they_are_wanted(
        self, vm_client: VmConfidentialClient, tmp_path: Path
    ) -> None:
        wanted = tmp_path / "platform.cert"
        status, path = await vm_client.get_certificates(wanted)
        assert (status, path) == (200, wanted)
        assert wanted.stat().st_size == 8336
        assert files_of(tmp_path / "temporary") == []
        with pytest.raises(ArgumentError) as caught:
            await vm_client.get_certificates(tmp_path)
        assert caught.value.argument == "output_path"

    async def test_a_node_without_any_leaves_no_file(
        self, account: ETHAccount, tmp_path: Path
    ) -> None:
        with DevNode(confidential=False) as node:
            async with VmConfidentialClient(account, node.url, retry=None) as vm_client:
                result = await vm_client.get_certificates()
                status, path = result
                assert (status, path, result.ok) == (503, None, False)
                with pytest.raises(ConfidentialDisabled, match="not enabled on that server"):
                    result.raise_for_status()
                with pytest.raises(ConfidentialDisabled):
                    await vm_client.get_certificates(raise_on_error=True)
        assert files_of(tmp_path / "temporary") == []

    async def test_bytes_can_be_verified(
        self, node: DevNode, vm_client: VmConfidentialClient
    ) -> None:
        for full in (False, True):
            data = node.processor.certificates(full=full)
            assert (await vm_client.verify_certificates(data)).product == "devnode"
        with pytest.raises(CertificateError) as caught:
            await vm_client.verify_certificates(data[:-1])
        assert caught.value.check == "length"


class TestSession:
    async def test_its_files_are_those_of_sevctl_and_private(
        self, vm_client: VmConfidentialClient, tmp_path: Path
    ) -> None:
        folder = await make_session(vm_client)
        assert folder == tmp_path / "here"
        assert files_of(folder) == FILES
        sizes = [(folder / name).stat().st_size for name in FILES]
        assert sizes == [2780, 172, 16, 16]
        if os.name == "posix":
            assert {stat.S_IMODE((folder / name).stat().st_mode) for name in FILES} == {0o600}
        assert sev.LaunchSession.load(folder, "my_vm").has_policy(1)

    async def test_they_go_into_the_folder_that_is_wanted(
        self, vm_client: VmConfidentialClient, tmp_path: Path
    ) -> None:
        wanted = tmp_path / "made" / "here"
        assert await make_session(vm_client, folder=wanted, policy=3) == wanted
        assert files_of(wanted) == FILES
        assert files_of(tmp_path / "here") == []
        assert sev.LaunchSession.load(wanted, "my_vm").has_policy(3)

    async def test_a_session_is_not_overwritten_by_accident(
        self, vm_client: VmConfidentialClient
    ) -> None:
        folder = await make_session(vm_client)
        before = (folder / "my_vm_tek.bin").read_bytes()
        with pytest.raises(ArgumentError, match="exists already"):
            await make_session(vm_client)
        assert (folder / "my_vm_tek.bin").read_bytes() == before
        await make_session(vm_client, overwrite=True)
        assert (folder / "my_vm_tek.bin").read_bytes() != before

    @pytest.mark.parametrize(
        ("prefix", "policy", "argument"), [("a/b", 1, "prefix"), ("vm", 64, "policy")]
    )
    async def test_what_cannot_be_made_leaves_no_file(
        self,
        vm_client: VmConfidentialClient,
        tmp_path: Path,
        prefix: str,
        policy: int,
        argument: str,
    ) -> None:
        _, path = await vm_client.get_certificates()
        with pytest.raises(ArgumentError) as caught:
            await vm_client.create_session(prefix, path, policy)
        assert caught.value.argument == argument
        assert files_of(tmp_path / "here") == []

    async def test_a_platform_that_is_not_trusted_gets_no_session(
        self, node: DevNode, vm_client: VmConfidentialClient, tmp_path: Path
    ) -> None:
        data = bytearray(node.processor.certificates())
        data[1052] ^= 1
        for name, content, check in (
            ("damaged", bytes(data), "pdh-signed-by-pek"),
            ("pdh", bytes(data[:2084]), "incomplete"),
            ("text", b'{"error": "Confidential computing setting not enabled"}', "length"),
        ):
            path = tmp_path / name
            path.write_bytes(content)
            with pytest.raises(CertificateError) as caught:
                await vm_client.create_session("my_vm", path, 1)
            assert caught.value.check == check
        with pytest.raises(ConfigurationError, match="missing"):
            await vm_client.create_session("my_vm", tmp_path / "missing", 1)
        assert files_of(tmp_path / "here") == []


class TestInitialize:
    async def test_it_takes_what_a_session_is_made_of(
        self, vm_client: VmConfidentialClient, waiting: str
    ) -> None:
        folder = await make_session(vm_client)
        session = sev.LaunchSession.load(folder, "my_vm")
        for parts in (
            (session.session, session.godh),
            (session.session_base64, session.godh_base64),
            (str(folder / "my_vm_session.b64"), str(folder / "my_vm_godh.b64")),
        ):
            await vm_client.initialize(waiting, *parts)
            assert (await vm_client.measurement(waiting)).sev_info.policy == 1
            await vm_client.stop_instance(waiting)
            await vm_client.start_instance(waiting)

    async def test_parts_that_are_none_are_refused_before_anything_is_sent(
        self, account: ETHAccount, requests: list[str], recording: HttpClient, tmp_path: Path
    ) -> None:
        url = "http://127.0.0.1:9"
        async with VmConfidentialClient(account, url, http_client=recording) as vm_client:
            session = tmp_path / "session"
            session.write_bytes(b"x" * 172)
            for one, other in ((session, session), (b"", b""), (bytes(128), bytes(128))):
                with pytest.raises(ArgumentError):
                    await vm_client.initialize(ABSENT, one, other)
            with pytest.raises(ConfigurationError):
                await vm_client.initialize(ABSENT, tmp_path / "missing", session)
            with pytest.raises(ArgumentError) as caught:
                await vm_client.initialize("nothash", bytes(128), bytes(2084))
            assert caught.value.argument == "vm_id"
        assert requests == []

    async def test_a_machine_is_given_one_session(
        self, vm_client: VmConfidentialClient, waiting: str
    ) -> None:
        await initialized(vm_client, waiting)
        with pytest.raises(VmRunning, match="already running") as caught:
            await initialized(vm_client, waiting, overwrite=True)
        assert (caught.value.code, caught.value.status) == ("vm_running", 400)
        assert caught.value.item_hash == waiting
        assert isinstance(caught.value, InitializationRefused)

    async def test_a_machine_that_is_not_confidential(
        self, account: ETHAccount, tmp_path: Path
    ) -> None:
        # Its payment keeps the node from starting it, and the scheduler does it later.
        with DevNode(boot_seconds=60) as node:
            node.fund(account.get_address())
            async with (
                AuthenticatedAlephHttpClient(account, node.url) as client,
                confidential_client(node, account) as vm_client,
            ):
                vm_id = await publish_instance(client, payment=None, time=1_770_000_000)
                folder = await make_session(vm_client)
                with pytest.raises(NotConfidential, match="not a confidential instance") as caught:
                    await vm_client.initialize(
                        vm_id, folder / "my_vm_session.b64", folder / "my_vm_godh.b64"
                    )
        assert caught.value.code == "not_confidential"

    async def test_machines_of_others_and_unknown_ones(
        self, node: DevNode, vm_client: VmConfidentialClient, waiting: str
    ) -> None:
        parts = (bytes(128), bytes(2084))
        with pytest.raises(VmNotFound):
            await vm_client.initialize(ABSENT, *parts)
        with pytest.raises(VmNotFound):
            await vm_client.measurement(ABSENT)
        with pytest.raises(VmNotFound):
            await vm_client.inject_secret(ABSENT, bytes(52), bytes(16))
        async with confidential_client(node, ETHAccount.generate()) as other:
            with pytest.raises(NotAuthorized):
                await other.initialize(waiting, *parts)
            with pytest.raises(NotAuthorized):
                await other.measurement(waiting)
            with pytest.raises(NotAuthorized):
                await other.inject_secret(waiting, bytes(52), bytes(16))


class TestMeasurement:
    async def test_a_machine_that_starts_is_waited_for(self, account: ETHAccount) -> None:
        with DevNode(qemu_seconds=0.6) as node:
            node.fund(account.get_address())
            async with (
                AuthenticatedAlephHttpClient(account, node.url) as client,
                confidential_client(node, account) as vm_client,
            ):
                vm_id = await publish_confidential(client)
                await vm_client.start_instance(vm_id)
                await initialized(vm_client, vm_id)
                with pytest.raises(VmNotRunning, match="after 0 s"):
                    await vm_client.measurement(vm_id, timeout=0)
                assert (await vm_client.measurement(vm_id)).sev_info.state == "launch-secret"

    async def test_one_that_has_no_session_is_waited_for_in_vain(
        self, vm_client: VmConfidentialClient, waiting: str
    ) -> None:
        with pytest.raises(VmNotRunning, match=r"Operation not running.*after 0\.2 s") as caught:
            await vm_client.measurement(waiting, timeout=0.2)
        assert (caught.value.status, caught.value.item_hash) == (403, waiting)

    async def test_a_session_for_another_policy_ends_the_machine(
        self, vm_client: VmConfidentialClient, waiting: str
    ) -> None:
        await initialized(vm_client, waiting, policy=0)
        with pytest.raises(VmNotRunning, match="another policy than the node's"):
            await vm_client.measurement(waiting, timeout=0.2)

    @pytest.mark.parametrize("timeout", [-1, "1", None])
    async def test_a_timeout_is_a_number_of_seconds(
        self, vm_client: VmConfidentialClient, timeout: Any
    ) -> None:
        with pytest.raises(ArgumentError) as caught:
            await vm_client.measurement(ABSENT, timeout=timeout)
        assert caught.value.argument == "timeout"


class TestValidating:
    async def test_another_firmware_policy_or_key_does_not_hold(
        self, vm_client: VmConfidentialClient, waiting: str, firmware_hash: str, tmp_path: Path
    ) -> None:
        folder = await initialized(vm_client, waiting)
        measurement = await vm_client.measurement(waiting)
        tik = folder / "my_vm_tik.bin"
        validate = vm_client.validate_measure
        other = sha256(b"another firmware").hexdigest()
        assert await validate(measurement, tik, firmware_hash)
        assert await validate(measurement, tik, [other, firmware_hash], policy=1)
        assert await validate(measurement, str(tik), bytes.fromhex(firmware_hash))
        assert not await validate(measurement, tik, other)
        assert not await validate(measurement, tik, firmware_hash, policy=3)
        assert not await validate(measurement, folder / "my_vm_tek.bin", firmware_hash)
        body = {
            "sev_info": {"api_major": 1, "api_minor": 55, "build_id": 24, "policy": 1},
            "launch_measure": measurement.launch_measure,
        }
        assert await validate(body, tik, firmware_hash)
        assert not await validate(
            {**body, "sev_info": {**body["sev_info"], "build_id": 25}}, tik, firmware_hash
        )
        with pytest.raises(AttestationError) as caught:
            await validate({**body, "launch_measure": "AAAA"}, tik, firmware_hash)
        assert caught.value.check == "measurement-form"
        with pytest.raises(ArgumentError) as wrong:
            await validate(measurement, tik, "no hash")
        assert wrong.value.argument == "firmware_hash"
        with pytest.raises(ConfigurationError, match="cannot read"):
            await validate(measurement, tmp_path / "missing", firmware_hash)

    async def test_a_replayed_measurement_does_not_hold(
        self, vm_client: VmConfidentialClient, waiting: str, firmware_hash: str
    ) -> None:
        await initialized(vm_client, waiting)
        old = await vm_client.measurement(waiting)
        await vm_client.stop_instance(waiting)
        await vm_client.start_instance(waiting)
        folder = await initialized(vm_client, waiting, overwrite=True)
        tik = folder / "my_vm_tik.bin"
        assert not await vm_client.validate_measure(old, tik, firmware_hash)
        new = await vm_client.measurement(waiting)
        assert await vm_client.validate_measure(new, tik, firmware_hash)


class TestSecrets:
    @pytest.mark.parametrize("passphrase", PASSPHRASES)
    async def test_a_reboot_asks_for_the_secret_again(
        self, node: DevNode, vm_client: VmConfidentialClient, waiting: str, passphrase: str
    ) -> None:
        folder = await initialized(vm_client, waiting)
        keys = folder / "my_vm_tek.bin", folder / "my_vm_tik.bin"
        for _ in range(2):
            measurement = await vm_client.measurement(waiting)
            assert node.revealed_secret(waiting) is None
            packet = await vm_client.build_secret(*keys, measurement, passphrase)
            await vm_client.inject_secret(waiting, *packet)
            assert node.revealed_secret(waiting) == passphrase
            await vm_client.reboot_instance(waiting, raise_on_error=True)

    async def test_entries_are_sealed_by_name(
        self, node: DevNode, vm_client: VmConfidentialClient, waiting: str
    ) -> None:
        folder = await initialized(vm_client, waiting)
        keys = folder / "my_vm_tek.bin", folder / "my_vm_tik.bin"
        measurement = await vm_client.measurement(waiting)
        packet = await vm_client.build_secret(*keys, measurement, {OTHER: b"\0\1"})
        await vm_client.inject_secret(waiting, *packet)
        found = {str(name): data for name, data in node.revealed_secrets(waiting).items()}
        assert found == {OTHER: b"\0\1"}

    async def test_a_packet_of_another_launch_is_refused_with_the_node_s_words(
        self, node: DevNode, vm_client: VmConfidentialClient, waiting: str
    ) -> None:
        folder = await initialized(vm_client, waiting)
        keys = folder / "my_vm_tek.bin", folder / "my_vm_tik.bin"
        measurement = await vm_client.measurement(waiting)
        header, secret = await vm_client.build_secret(*keys, measurement, "hush")
        other = sev.SEVMeasurement(measurement.sev_info, "A" * 64)
        wrong = await vm_client.build_secret(*keys, other, "hush")
        with pytest.raises(SecretRefused, match="SEV: ") as caught:
            await vm_client.inject_secret(waiting, *wrong)
        assert (caught.value.status, caught.value.item_hash) == (500, waiting)
        assert caught.value.reason.startswith("SEV: ")
        await vm_client.inject_secret(waiting, header, secret)
        with pytest.raises(SecretRefused, match="given once"):
            await vm_client.inject_secret(waiting, header, secret)

    async def test_a_machine_without_a_session_takes_none(
        self, vm_client: VmConfidentialClient, waiting: str
    ) -> None:
        with pytest.raises(VmNotRunning, match="initialized first"):
            await vm_client.inject_secret(waiting, bytes(52), bytes(16))

    async def test_what_was_not_sealed_is_not_sent(
        self, account: ETHAccount, requests: list[str], recording: HttpClient
    ) -> None:
        url = "http://127.0.0.1:9"
        async with VmConfidentialClient(account, url, http_client=recording) as vm_client:
            with pytest.raises(ArgumentError) as caught:
                await vm_client.inject_secret(ABSENT, bytes(52), "my_confidential_secret")
            assert caught.value.argument == "secret"
            assert "my_confidential" not in str(caught.value)
        assert requests == []


async def test_the_tool_of_other_clients_is_not_needed(node: DevNode, account: ETHAccount) -> None:
    with pytest.warns(DeprecationWarning, match="without sevctl") as warned:
        client = VMConfidentialClient(
            account=account, sevctl_path=Path("/usr/bin/sevctl"), node_url=node.url
        )
    assert warned[0].filename == __file__
    assert isinstance(client, VmClient)
    assert VMConfidentialClient is VmConfidentialClient
    await client.aclose()
