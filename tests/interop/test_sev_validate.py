"""libvirt's own validator of SEV launches, against our digests and our model of the processor."""

from __future__ import annotations

import os
import shutil
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from aleph_core import sev
from aleph_core.errors import AttestationError
from aleph_core.sev.digest import kernel_hashes
from aleph_devnode.secure_processor import Guest, SecureProcessor, disk_passphrase, read_secrets
from tests.core.sev.golden import OWN, vmsa_pages

pytestmark = pytest.mark.interop

# Debian's program runs on Debian's Python, not on that of this environment.
PATH = os.defpath
FILES = OWN / "files"
FIRMWARE, KERNEL, INITRD = (
    (FILES / name).read_bytes() for name in ("fw_a.bin", "kernel.bin", "initrd.bin")
)
CMDLINE = "console=ttyS0 root=/dev/vda1"
MILAN = sev.Cpu(25, 1, 1)
OTHER = "11111111-2222-3333-4444-555566667777"
PROCESSOR = SecureProcessor()


@pytest.fixture(scope="module", autouse=True)
def program() -> str:
    """Return Debian's program; skip where it is not, or lacks what it needs."""
    found = shutil.which("virt-qemu-sev-validate", path=PATH)
    if found is None:
        pytest.skip("virt-qemu-sev-validate is missing: apt-get install libvirt-clients-qemu")
    tried = subprocess.run(
        [found, "--help"], env={"PATH": PATH}, capture_output=True, text=True, check=False
    )
    if tried.returncode:
        pytest.skip(
            "virt-qemu-sev-validate does not run; apt-get install python3-cryptography "
            f"python3-lxml may help: {tried.stderr.strip().splitlines()[-1:]}"
        )
    return found


class Launch:
    """A guest on the model, its owner's session, and the files that the program reads."""

    def __init__(self, program: str, folder: Path, policy: int = 1) -> None:
        self.program, self.folder, self.policy = program, folder, policy
        chain = sev.PlatformCertificates.from_bytes(PROCESSOR.certificates())
        self.session = sev.LaunchSession.create(chain, policy)
        self.session.save(folder)
        self.guest: Guest = PROCESSOR.launch(
            policy=policy, godh=self.session.godh, session=self.session.session
        )

    def answer(self) -> dict[str, Any]:
        measure = b64encode(self.guest.measure()).decode()
        return {"sev_info": self.guest.info(), "launch_measure": measure}

    def accepted(self, *options: str, **changes: Any) -> bool:
        info = {**self.answer()["sev_info"], **changes}
        done = subprocess.run(
            [
                self.program,
                f"--firmware={FILES / 'fw_a.bin'}",
                f"--tik={self.folder / 'vm_tik.bin'}",
                f"--tek={self.folder / 'vm_tek.bin'}",
                f"--measurement={self.answer()['launch_measure']}",
                f"--api-major={info['api_major']}",
                f"--api-minor={info['api_minor']}",
                f"--build-id={info['build_id']}",
                f"--policy={info['policy']}",
                *options,
            ],
            env={"PATH": PATH},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode in (0, 1), done.stderr
        assert (done.returncode == 0) == ("OK: Looks good" in done.stdout)
        return done.returncode == 0

    def ours(self, digest: Any) -> bytes:
        return sev.check_measurement(
            self.answer(), tik=self.session.tik, digest=digest, policy=self.policy
        )


@pytest.mark.parametrize("policy", [0, 1, 3, 0x3701_0001])
def test_it_accepts_what_our_digest_was_right_for(
    program: str, tmp_path: Path, policy: int
) -> None:
    launch = Launch(program, tmp_path, policy)
    launch.guest.update(FIRMWARE)
    assert launch.ours(sev.launch_digest(FIRMWARE))
    assert launch.accepted()
    for name in ("policy", "api_major", "api_minor", "build_id"):
        wrong = launch.answer()["sev_info"][name] ^ 2
        assert not launch.accepted(**{name: wrong}), name


def test_it_refuses_another_firmware_as_we_do(program: str, tmp_path: Path) -> None:
    launch = Launch(program, tmp_path)
    launch.guest.update(FIRMWARE + b"\0")
    with pytest.raises(AttestationError):
        launch.ours(sev.launch_digest(FIRMWARE))
    assert not launch.accepted()


def test_it_measures_a_kernel_as_we_do(program: str, tmp_path: Path) -> None:
    launch = Launch(program, tmp_path)
    launch.guest.update(FIRMWARE)
    launch.guest.update(kernel_hashes(KERNEL, INITRD, CMDLINE))
    assert launch.ours(sev.launch_digest(FIRMWARE, KERNEL, INITRD, CMDLINE))
    kernel = (f"--kernel={FILES / 'kernel.bin'}", f"--initrd={FILES / 'initrd.bin'}")
    assert launch.accepted(*kernel, f"--cmdline={CMDLINE}")
    assert not launch.accepted(*kernel, f"--cmdline={CMDLINE} quiet")
    assert not launch.accepted()


def test_it_measures_the_cpus_of_sev_es_as_we_do(program: str, tmp_path: Path) -> None:
    launch = Launch(program, tmp_path, 5)
    launch.guest.update(FIRMWARE)
    boot, other = vmsa_pages(FIRMWARE, MILAN)
    for page in (boot, other, other, other):
        launch.guest.update_vmsa(page)
    digests = sev.launch_digest(FIRMWARE, vcpus=4, cpu=MILAN)
    assert launch.ours(digests) == digests.legacy
    cpu = ("--cpu-family=25", "--cpu-model=1", "--cpu-stepping=1")
    assert launch.accepted("--num-cpus=4", *cpu)
    assert not launch.accepted("--num-cpus=3", *cpu)


@pytest.mark.parametrize("passphrase", ["x", "correct horse battery staple", "pässwörd-é 🔑"])
def test_our_model_opens_the_secret_that_it_packs(
    program: str, tmp_path: Path, passphrase: str
) -> None:
    launch = Launch(program, tmp_path)
    launch.guest.update(FIRMWARE)
    secret, other, header, payload = (
        tmp_path / name for name in ("secret", "other", "header", "payload")
    )
    secret.write_bytes(passphrase.encode() + b"\0")
    other.write_bytes(bytes(range(200)))
    assert launch.accepted(
        f"--inject-secret=luks-key:{secret}",
        f"--inject-secret={OTHER}:{other}",
        f"--secret-header={header}",
        f"--secret-payload={payload}",
    )
    launch.guest.inject(b64decode(header.read_bytes()), b64decode(payload.read_bytes()))
    (memory,) = launch.guest.memory
    assert disk_passphrase(memory) == passphrase
    assert {str(guid): data for guid, data in read_secrets(memory).items()}[OTHER] == bytes(
        range(200)
    )
