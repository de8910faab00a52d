"""A local EVM node with Superfluid's own contracts on it, and a relay before it that counts and cuts.

The node and the contracts come from npm (`nox -s payg` fetches them). Calls are encoded here by
``eth_abi`` alone, and have no opinion of how the library works.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from eth_abi.abi import decode, encode
from eth_utils import keccak, to_checksum_address

from tests.hostile import HostileServer, Peer, Step, answer

CHAIN_ID = 43_114
SUPPLY = 1_000_000 * 10**18
COIN = 10**18
LIBRARIES = (
    "SlotsBitmapLibrary",
    "SuperfluidGovDeployerLibrary",
    "SuperfluidHostDeployerLibrary",
    "SuperfluidCFAv1DeployerLibrary",
    "SuperfluidIDAv1DeployerLibrary",
    "SuperfluidPoolDeployerLibrary",
    "SuperfluidGDAv1DeployerLibrary",
    "SuperTokenDeployerLibrary",
    "SuperfluidPeripheryDeployerLibrary",
    "SuperfluidPoolLogicDeployerLibrary",
    "SuperfluidPoolNFTLogicDeployerLibrary",
    "ProxyDeployerLibrary",
    "CFAv1ForwarderDeployerLibrary",
    "GDAv1ForwarderDeployerLibrary",
    "SuperTokenFactoryDeployerLibrary",
    "TokenDeployerLibrary",
)


class EvmChain:
    """The node, by its JSON-RPC; ``contracts`` are where ``switch_chain`` wants them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.contracts: dict[str, str] = {}
        self._http = httpx.Client(timeout=30, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def rpc(self, method: str, *params: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        body = self._http.post(self.url, json=request).json()
        if "error" in body:
            raise RuntimeError(f"{method}: {body['error']}")
        return body["result"]

    def forward(self, body: bytes) -> bytes:
        headers = {"content-type": "application/json"}
        return self._http.post(self.url, content=body, headers=headers).content

    def send(self, data: bytes, to: str | None = None, value: int = 0) -> dict[str, Any]:
        """Send a transaction of the node's own first account, and return its receipt."""
        fields: dict[str, str] = {
            "from": self.banker,
            "data": "0x" + data.hex(),
            "value": hex(value),
            "gas": hex(29_000_000),
        }
        if to is not None:
            fields["to"] = to
        sent = self.rpc("eth_sendTransaction", fields)
        end = time.monotonic() + 10
        while (receipt := self.rpc("eth_getTransactionReceipt", sent)) is None:
            if time.monotonic() > end:
                raise RuntimeError(f"{sent} is not mined")
            time.sleep(0.002)
        if receipt["status"] != "0x1":
            raise RuntimeError(f"reverted: {receipt}")
        return dict(receipt)

    def ask(self, to: str, data: bytes) -> bytes:
        result = self.rpc("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest")
        return bytes.fromhex(result[2:])

    @property
    def banker(self) -> str:
        """The account that has all tokens; the first of the node's mnemonic."""
        return str(self.rpc("eth_accounts")[0])

    def fund(self, address: str, *, tokens: int = 0, coins: int = COIN) -> None:
        """Give an address super tokens, and set its coins, both in units of 10^-18."""
        self.rpc("anvil_setBalance", address, hex(coins))
        if tokens:
            transfer = _call("transfer(address,uint256)", address, tokens)
            self.send(transfer, self.contracts["super_token"])

    def let_pass(self, seconds: int) -> None:
        self.rpc("evm_increaseTime", seconds)
        self.rpc("evm_mine")

    @contextmanager
    def without_mining(self) -> Iterator[None]:
        """Let transactions wait until the end, or until ``evm_mine``."""
        self.rpc("evm_setAutomine", False)
        try:
            yield
        finally:
            self.rpc("evm_setAutomine", True)
            self.rpc("evm_mine")


@contextmanager
def evm_chain(program: Path, contracts: Path) -> Iterator[EvmChain]:
    """Run the node (the file of ``anvil``) and deploy what the npm package of Superfluid holds."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(program), "--host", "127.0.0.1", "--port", str(port)]
    options = ["--chain-id", str(CHAIN_ID), "--disable-code-size-limit", "--silent"]
    process = subprocess.Popen([*command, *options], stdin=subprocess.DEVNULL)
    chain = EvmChain(f"http://127.0.0.1:{port}")
    try:
        _wait_for(chain, process)
        _deploy(chain, contracts)
        yield chain
    finally:
        chain.close()
        process.terminate()
        process.wait(10)


def _wait_for(chain: EvmChain, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            chain.rpc("eth_chainId")
            return
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > end:
                raise
        time.sleep(0.05)


def _deploy(chain: EvmChain, package: Path) -> None:
    registry = json.loads((package / "dev-scripts/artifacts/ERC1820Registry.json").read_text())
    chain.send(b"", "0xa990077c3205cbDf861e17Fa532eeB069cE9fF96", 8 * 10**16)
    keyless = (
        "0xf90a388085174876e800830c35008080b909e5"
        + registry["bin"].removeprefix("0x")
        + "1ba0" + "1820" * 16 + "a0" + "1820" * 16
    )  # fmt: skip
    chain.rpc("eth_sendRawTransaction", keyless)

    build = package / "build/hardhat/contracts"
    artifacts = {path.stem: path for path in build.rglob("*.json")}
    deployed: dict[str, str] = {}

    def create(name: str) -> str:
        artifact = json.loads(artifacts[name].read_text())
        code = bytearray.fromhex(_linked(artifact, deployed).removeprefix("0x"))
        return str(chain.send(bytes(code))["contractAddress"])

    for library in LIBRARIES:
        deployed[library] = create(library)
    deployer = create("SuperfluidFrameworkDeployer")
    (steps,) = decode(["uint8"], chain.ask(deployer, _call("getNumSteps()")))
    for step in range(steps):
        chain.send(_call("executeStep(uint8)", step), deployer)

    abi = json.loads(artifacts["SuperfluidFrameworkDeployer"].read_text())["abi"]
    fields = next(each for each in abi if each.get("name") == "getFramework")["outputs"][0]
    names = [component["name"] for component in fields["components"]]
    values = decode(["address"] * len(names), chain.ask(deployer, _call("getFramework()")))
    framework = dict(zip(names, map(to_checksum_address, values), strict=True))

    def token(symbol: str) -> str:
        name = "deployPureSuperToken(string,string,uint256)"
        chain.send(_call(name, f"{symbol} of the tests", symbol, SUPPLY), deployer)
        found = chain.ask(framework["resolver"], _call("get(string)", f"supertokens.test.{symbol}"))
        return str(to_checksum_address(decode(["address"], found)[0]))

    chain.contracts = {
        "host": framework["host"],
        "cfa": framework["cfa"],
        "forwarder": framework["cfaV1Forwarder"],
        "super_token": token("ALEPHx"),
        "token": token("ALEPH"),
    }


def _linked(artifact: Mapping[str, Any], libraries: Mapping[str, str]) -> str:
    """Return the bytecode with the addresses of the libraries where it has gaps for them."""
    digits = artifact["bytecode"].removeprefix("0x")
    for needed in artifact["linkReferences"].values():
        for library, gaps in needed.items():
            for gap in gaps:
                begin = 2 * gap["start"]
                digits = digits[:begin] + libraries[library][2:].lower() + digits[begin + 40 :]
    return str(digits)


def _call(signature: str, *arguments: Any) -> bytes:
    inner = signature[signature.index("(") + 1 : -1]
    types = inner.split(",") if inner else []
    return bytes(keccak(text=signature)[:4]) + encode(types, arguments)


Fault = Callable[[Peer, list[dict[str, Any]], EvmChain], bool]


class Relay:
    """Stands between an account and the node: counts requests, and behaves as ``faults`` say.

    A fault returns whether it answered; the first that does is the last that is asked.
    """

    def __init__(self, chain: EvmChain) -> None:
        self.chain = chain
        self.faults: list[Fault] = []
        self.bodies: list[list[dict[str, Any]]] = []
        self.server = HostileServer(self._play)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def methods(self) -> list[list[str]]:
        """The methods of each request; several where it is a batch."""
        return [[entry["method"] for entry in entries] for entries in self.bodies]

    def sent(self, method: str) -> list[Any]:
        """Return the parameters of all calls of a method, in their order."""
        return [
            entry["params"]
            for entries in self.bodies
            for entry in entries
            if entry["method"] == method
        ]

    def _play(self, peer: Peer) -> None:
        peer.read_body()
        body = json.loads(peer.request.body)
        entries = body if isinstance(body, list) else [body]
        self.bodies.append(entries)
        for fault in self.faults:
            if fault(peer, entries, self.chain):
                return
        reply(peer, self.chain.forward(peer.request.body))


def reply(peer: Peer, body: object) -> None:
    step: Step = answer(body, read_body=False)
    step(peer)


def says(method: str, result: object, *, times: int = 1) -> Fault:
    """Answer some requests for one method alone with this result."""
    left = [times]

    def play(peer: Peer, entries: list[dict[str, Any]], chain: EvmChain) -> bool:
        if not left[0] or [entry["method"] for entry in entries] != [method]:
            return False
        left[0] -= 1
        reply(peer, {"jsonrpc": "2.0", "id": entries[0]["id"], "result": result})
        return True

    return play


@contextmanager
def relay(chain: EvmChain) -> Iterator[Relay]:
    made = Relay(chain)
    with made.server:
        yield made
