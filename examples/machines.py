"""Rent machines: what they cost, a program, an instance on a compute node, its ports, its end.

Runs against a local node, which grants the funds that the network asks for.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from aleph_devnode import DevNode
from aleph_sync import (
    AlephError,
    AuthenticatedAlephHttpClient,
    CrnExecutionV2,
    ETHAccount,
    PortFlags,
    Ports,
    VmClient,
    make_instance_content,
)

PROGRAM = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"Hello"})
"""


def rent(node: DevNode) -> int:
    """Rent two machines on a node and return how many messages that took."""
    account = ETHAccount.generate()
    node.fund(account.get_address())

    with AuthenticatedAlephHttpClient(account, settings=node.client_settings()) as client:
        balance = client.get_balances(account.get_address())
        say("balance", f"{balance.credit_balance:,} credits, {balance.balance:,} ALEPH")

        # Stand-ins for the images that the network recommends, which a local node does not have.
        runtime = client.create_store(b"a runtime", wait=True)
        image = client.create_store(b"an image of a disk", wait=True)

        with TemporaryDirectory() as folder:
            Path(folder, "main.py").write_text(PROGRAM)
            program = client.create_program(
                code=folder, entrypoint="main:app", runtime=runtime.item_hash, wait=True
            )
        price = client.get_program_price(program.item_hash)
        say("program", f"deployed {program.item_hash[:16]}..., {price.payment_type}: {price.cost}")

        [crn] = client.crn.filter_crn(ipv6=True)
        estimate = client.get_estimated_price(make_instance_content(image.item_hash))
        assert estimate.cost is not None
        say("estimate", f"an instance costs {estimate.cost * 3600:,.0f} credits an hour")
        instance = client.create_instance(
            image.item_hash, requirements={"node": {"node_hash": crn.hash}}, wait=True
        )
        say("instance", f"published {instance.item_hash[:16]}... for the node {crn.name}")

        with VmClient(account, crn.address) as machines:
            status, _ = machines.start_instance(instance.item_hash)
            say("start", f"the node answered {status}")

            web = Ports({80: PortFlags(tcp=True, udp=False)})
            client.port_forwarder.create_ports(
                instance.item_hash, web, apply=True, crn_address=crn.address
            )
            machine = client.crn.get_vm(crn.address, instance.item_hash)
            assert isinstance(machine, CrnExecutionV2)
            ports = {port: mapped.host for port, mapped in machine.networking.mapped_ports.items()}
            say("ports", f"forwarded, guest to host: {ports}")

            machines.stop_instance(instance.item_hash).raise_for_status()
        hashes = [program.item_hash, instance.item_hash]
        client.forget(hashes, "end of tour", wait=True)
        say("forget", "the instance is stopped, and both are forgotten")
        return sum(1 for _ in client.get_messages_iterator(owners=account.get_address())) + len(
            hashes
        )


def say(step: str, text: str) -> None:
    print(f"  {step:<10} {text}", flush=True)


def main() -> int:
    try:
        with DevNode() as node:
            rent(node)
    except (AlephError, OSError) as error:
        print(f"\nEnded early: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
