# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "aleph-nuls2==0.1.1",
#     "aleph-sdk-python==2.4.0",
#     "bip-utils==2.12.3",
#     "cosmospy==6.0.0",
#     "eciespy==0.4.7",
#     "fastecdsa==3.0.1",
#     "pytezos-crypto==3.13.4.1",
#     "solders==0.29.0",
#     "substrate-interface==1.8.1",
# ]
# ///
"""Sign, encrypt and derive keys with other people's software, and check what ours made with it.

    python make_signatures.py make FOLDER      write FOLDER/theirs.json
    python make_signatures.py check FILE...    exit 1 unless everything of ours in the files holds

Runs in an environment of its own, which `nox -s interop` makes; pytezos-crypto also needs the system
library libsodium. Of the published SDK only that is used which nodes accept: what it signs for
Polkadot and Cosmos they refuse, so there the libraries below it sign.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# The pure Python half of eth-keys, since coincurve is what is to be checked.
os.environ["ECC_BACKEND_CLASS"] = "eth_keys.backends.NativeECCBackend"

import base58
import bip_utils
import cosmospy._wallet as cosmos_wallet
import ecdsa
import ecies
import eth_keys
import nacl.public
import nacl.signing
import nuls2.model.data as nuls2_data
import substrateinterface
from aleph.sdk.chains import ethereum, evm, nuls1, nuls2, solana, svm, tezos
from eth_account import Account
from eth_account.messages import encode_defunct
from pytezos_crypto.key import Key as TezosKey
from solders.pubkey import Pubkey
from solders.signature import Signature

Message = dict[str, Any]

MNEMONIC = "legal winner thank year wave sausage worth useful legal winner thank yellow"
MICHELINE_TIME = 1790000135.029
KEYS = [hashlib.sha256(f"interop vector {number}".encode()).digest() for number in range(3)]


def unsigned(chain: str, sender: str, number: int, **fields: Any) -> Message:
    item_hash = hashlib.sha256(f"{chain} {number}".encode()).hexdigest()
    kind = ("POST", "AGGREGATE", "STORE")[number % 3]
    return {"chain": chain, "sender": sender, "type": kind, "item_hash": item_hash, **fields}


def signed_text(message: Message) -> bytes:
    return "\n".join(message[name] for name in ("chain", "sender", "type", "item_hash")).encode()


def by_sdk(account: Any, chain: str, number: int) -> Message:
    message = unsigned(chain, account.get_address(), number)
    return dict(asyncio.run(account.sign_message(message)))


def amino_document(message: Message) -> bytes:
    document = {
        "chain_id": "signed-message-v1",
        "account_number": "0",
        "sequence": "0",
        "fee": {"gas": "0", "amount": []},
        "memo": "",
        "msgs": [
            {
                "type": "signutil/MsgSignText",
                "value": {"message": signed_text(message).decode(), "signer": message["sender"]},
            }
        ],
    }
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def micheline(message: Message, dapp_url: str, stamp: str) -> bytes:
    payload = b"Tezos Signed Message: %b %b %b" % (
        dapp_url.encode(),
        stamp.encode(),
        signed_text(message),
    )
    return b"\x05\x01\x00" + str(len(payload.hex())).encode() + payload


def avalanche_digest(message: Message) -> bytes:
    text = signed_text(message)
    packed = b"\x1aAvalanche Signed Message:\n" + struct.pack(">I", len(text)) + text
    return hashlib.sha256(packed).digest()


def avalanche_address(public_key: bytes) -> str:
    return str(bip_utils.AvaxXChainAddrEncoder.EncodeKey(public_key))


def ethereum_signatures() -> Iterator[dict[str, Any]]:
    for number, key in enumerate(KEYS):
        hexadecimal = "0x" + key.hex()
        account = ethereum.ETHAccount(key)
        message = by_sdk(account, "ETH", number)
        yield entry("aleph-sdk-python 2.4.0", "ETHAccount", [hexadecimal], message)
        message = unsigned("BASE", Account.from_key(key).address, number)
        signature = Account.sign_message(encode_defunct(signed_text(message)), key).signature
        # The four spellings that nodes read.
        text = ["0x" + signature.hex(), signature.hex().upper(), "0x" + signature.hex()][number]
        if number == 2:
            text = text[:-2] + f"{signature[64] - 27:02x}"
        message["signature"] = text
        yield entry("eth-account", "ETHAccount", [hexadecimal, "BASE"], message, same=number == 0)


def solana_signatures() -> Iterator[dict[str, Any]]:
    for number, key in enumerate(KEYS):
        hexadecimal = base58.b58encode(key).decode()
        message = by_sdk(solana.SOLAccount(key), "SOL", number)
        yield entry("aleph-sdk-python 2.4.0", "SOLAccount", [hexadecimal], message)
        message = by_sdk(svm.SVMAccount(key, chain="ES"), "ES", number)
        yield entry("aleph-sdk-python 2.4.0", "SVMAccount", [hexadecimal], message)


def substrate_signatures() -> Iterator[dict[str, Any]]:
    for number, (key, prefix) in enumerate(zip(KEYS, (42, 0, 255), strict=True)):
        pair = substrateinterface.Keypair.create_from_seed(key.hex(), ss58_format=prefix)
        for wrapped in (False, True):
            message = unsigned("DOT", pair.ss58_address, number)
            text = signed_text(message)
            signature = pair.sign(b"<Bytes>" + text + b"</Bytes>" if wrapped else text)
            message["signature"] = json.dumps({"curve": "sr25519", "data": "0x" + signature.hex()})
            arguments = ["0x" + key.hex(), prefix]
            yield entry("substrate-interface", "DOTAccount", arguments, message, same=False)


def cosmos_signatures() -> Iterator[dict[str, Any]]:
    for number, (key, prefix) in enumerate(zip(KEYS, ("cosmos", "osmo", "juno"), strict=True)):
        sender = cosmos_wallet.privkey_to_address(key, hrp=prefix)
        message = unsigned("CSDK", sender, number)
        signer = ecdsa.SigningKey.from_string(key, curve=ecdsa.SECP256k1)
        for low in (True, False):
            encoder = ecdsa.util.sigencode_string_canonize if low else ecdsa.util.sigencode_string
            signature = signer.sign_deterministic(
                amino_document(message), hashfunc=hashlib.sha256, sigencode=encoder
            )
            public_key = base64.b64encode(cosmos_wallet.privkey_to_pubkey(key)).decode()
            fields = {
                "signature": base64.b64encode(signature).decode(),
                "pub_key": {"type": "tendermint/PubKeySecp256k1", "value": public_key},
            }
            envelope = {**message, "signature": json.dumps(fields)}
            arguments = ["0x" + key.hex(), prefix]
            yield entry("cosmospy and ecdsa", "CosmosAccount", arguments, envelope, same=low)


def tezos_signatures() -> Iterator[dict[str, Any]]:
    for number, key in enumerate(KEYS):
        message = by_sdk(tezos.TezosAccount(key), "TEZOS", number)
        text = TezosKey.from_secret_exponent(key).secret_key()
        yield entry("aleph-sdk-python 2.4.0", "TezosAccount", [text], message)
        for curve in (b"ed", b"sp", b"p2"):
            pair = TezosKey.from_secret_exponent(key, curve=curve)
            for url, generic in ((None, False), (None, True), ("aleph.im", False), ("d.app", True)):
                message = unsigned("TEZOS", pair.public_key_hash(), number, time=MICHELINE_TIME)
                text_to_sign = signed_text(message)
                parts: dict[str, str] = {"publicKey": pair.public_key()}
                if url is not None:
                    parts |= {"signingType": "micheline", "dAppUrl": url}
                    text_to_sign = micheline(message, url, "2026-09-21T14:15:35.029Z")
                parts["signature"] = pair.sign(text_to_sign, generic=generic)
                message["signature"] = json.dumps(parts)
                options = {} if url is None else {"signing_type": "micheline", "dapp_url": url}
                yield entry(
                    "pytezos-crypto",
                    None if curve == b"p2" else "TezosAccount",
                    [pair.secret_key()],
                    message,
                    options,
                    same=not generic,
                )


def nuls_signatures() -> Iterator[dict[str, Any]]:
    for number, key in enumerate(KEYS):
        chain_id = 1 + number % 2
        message = by_sdk(nuls2.NULSAccount(key, chain_id=chain_id), "NULS2", number)
        arguments = ["0x" + key.hex(), chain_id]
        yield entry("aleph-sdk-python 2.4.0, aleph-nuls2", "NULS2Account", arguments, message)
        message = by_sdk(nuls1.NULSAccount(key, chain_id=8964), "NULS", number)
        yield entry("aleph-sdk-python 2.4.0", None, [], message)


def avalanche_signatures() -> Iterator[dict[str, Any]]:
    for number, key in enumerate(KEYS):
        pair = eth_keys.keys.PrivateKey(key)
        sender = avalanche_address(pair.public_key.to_compressed_bytes())
        message = unsigned("AVAX", sender, number)
        raw = pair.sign_msg_hash(avalanche_digest(message)).to_bytes()
        checked = raw + hashlib.sha256(raw).digest()[-4:]
        message["signature"] = base58.b58encode(checked).decode()
        yield entry("eth-keys and bip-utils", "AvalancheAccount", ["0x" + key.hex()], message)


def entry(
    by: str,
    account: str | None,
    arguments: list[Any],
    message: Message,
    options: dict[str, Any] | None = None,
    *,
    same: bool = True,
) -> dict[str, Any]:
    """``same``: our account, made of the arguments, must sign to the same signature."""
    return {
        "by": by,
        "account": account,
        "arguments": arguments,
        "options": options or {},
        "same": same,
        "message": message,
    }


def derivations() -> Iterator[dict[str, Any]]:
    """Keys and addresses from words, along the paths of each chain."""
    for passphrase in ("", "p\u00e4ss"):
        seed = bip_utils.Bip39SeedGenerator(MNEMONIC).Generate(passphrase)
        for path in ("m/44'/501'/0'/0'", "m/44'/501'/1'"):
            node = bip_utils.Bip32Slip10Ed25519.FromSeed(seed).DerivePath(path)
            address = bip_utils.SolAddrEncoder.EncodeKey(node.PublicKey().KeyObject())
            yield derivation("bip-utils", "SOLAccount", passphrase, path, address)
        for path in ("m/44'/118'/0'/0/0", "m/44'/118'/7'/1/3"):
            node = bip_utils.Bip32Slip10Secp256k1.FromSeed(seed).DerivePath(path)
            address = bip_utils.AtomAddrEncoder.EncodeKey(
                node.PublicKey().KeyObject(), hrp="cosmos"
            )
            yield derivation("bip-utils", "CosmosAccount", passphrase, path, address)
        for path in ("m/44'/60'/0'/0/0", "m/44'/60'/2'/0/9"):
            node = bip_utils.Bip32Slip10Secp256k1.FromSeed(seed).DerivePath(path)
            address = bip_utils.EthAddrEncoder.EncodeKey(node.PublicKey().KeyObject())
            yield derivation("bip-utils", "ETHAccount", passphrase, path, address)
    sdk = ethereum.ETHAccount.from_mnemonic(MNEMONIC)
    yield derivation("aleph-sdk-python 2.4.0", "ETHAccount", "", None, sdk.get_address())
    cosmos = cosmos_wallet.privkey_to_address(cosmos_wallet.seed_to_privkey(MNEMONIC))
    yield derivation("cosmospy", "CosmosAccount", "", None, cosmos)
    pair = substrateinterface.Keypair.create_from_mnemonic(MNEMONIC)
    yield derivation("substrate-interface", "DOTAccount", "", None, pair.ss58_address)
    # Substrate does not normalise a passphrase, as bip-utils does, so this one is ASCII.
    for passphrase in ("", "pass"):
        mini = bip_utils.SubstrateBip39SeedGenerator(MNEMONIC).Generate(passphrase)[:32]
        address = (
            bip_utils.Substrate.FromSeed(mini, bip_utils.SubstrateCoins.GENERIC)
            .PublicKey()
            .ToAddress()
        )
        yield derivation("bip-utils", "DOTAccount", passphrase, None, address)


def derivation(
    by: str, account: str, passphrase: str, path: str | None, address: str
) -> dict[str, Any]:
    return {
        "by": by,
        "account": account,
        "mnemonic": MNEMONIC,
        "passphrase": passphrase,
        "account_path": path,
        "address": address,
    }


def encryptions() -> Iterator[dict[str, Any]]:
    for number, text in enumerate([b"", b"short", bytes(range(256)) * 5]):
        key = KEYS[number]
        public_key = eth_keys.keys.PrivateKey(key).public_key.to_compressed_bytes()
        encrypted = ecies.encrypt(public_key, text)
        yield encryption("eciespy", "ETHAccount", "0x" + key.hex(), text, encrypted)
        account = solana.SOLAccount(key)
        encrypted = asyncio.run(account.encrypt(text))
        secret = base58.b58encode(key).decode()
        yield encryption("aleph-sdk-python 2.4.0", "SOLAccount", secret, text, encrypted)
        tezos_account = tezos.TezosAccount(key)
        secret = TezosKey.from_secret_exponent(key).secret_key()
        encrypted = asyncio.run(tezos_account.encrypt(text))
        yield encryption("aleph-sdk-python 2.4.0", "TezosAccount", secret, text, encrypted)


def encryption(
    by: str, account: str, private_key: str, text: bytes, encrypted: bytes
) -> dict[str, Any]:
    return {
        "by": by,
        "account": account,
        "private_key": private_key,
        "text": text.hex(),
        "encrypted": encrypted.hex(),
    }


def keystores() -> Iterator[dict[str, Any]]:
    for kdf, iterations in (("scrypt", 4), ("pbkdf2", 2)):
        yield {
            "by": "eth-account",
            "private_key": "0x" + KEYS[0].hex(),
            "password": "p\u00e4ssword",
            "keystore": Account.encrypt(KEYS[0], "p\u00e4ssword", kdf=kdf, iterations=iterations),
        }


def make() -> dict[str, Any]:
    signers = (
        ethereum_signatures,
        solana_signatures,
        substrate_signatures,
        cosmos_signatures,
        tezos_signatures,
        nuls_signatures,
        avalanche_signatures,
    )
    assert evm.EVMAccount(KEYS[0], chain="BASE").get_address()
    return {
        "signatures": [made for signer in signers for made in signer()],
        "derivations": list(derivations()),
        "encryptions": list(encryptions()),
        "keystores": list(keystores()),
    }


def check_evm(message: Message) -> bool:
    recovered = Account.recover_message(
        encode_defunct(signed_text(message)), signature=message["signature"]
    )
    return bool(recovered == message["sender"])


def check_solana(message: Message) -> bool:
    parts = json.loads(message["signature"])
    solana.verify_signature(parts["signature"], parts["publicKey"], signed_text(message))
    key = Pubkey.from_string(message["sender"])
    holds = Signature.from_string(parts["signature"]).verify(key, signed_text(message))
    return bool(holds and parts["publicKey"] == message["sender"])


def check_substrate(message: Message) -> bool:
    parts = json.loads(message["signature"])
    pair = substrateinterface.Keypair(ss58_address=message["sender"])
    return bool(pair.verify(signed_text(message), parts["data"]) and parts["curve"] == "sr25519")


def check_cosmos(message: Message) -> bool:
    parts = json.loads(message["signature"])
    public_key = base64.b64decode(parts["pub_key"]["value"])
    prefix = message["sender"].partition("1")[0]
    verifier = ecdsa.VerifyingKey.from_string(public_key, curve=ecdsa.SECP256k1)
    return bool(
        verifier.verify(
            base64.b64decode(parts["signature"]), amino_document(message), hashfunc=hashlib.sha256
        )
        and cosmos_wallet.pubkey_to_address(public_key, hrp=prefix) == message["sender"]
        and parts["pub_key"]["type"] == "tendermint/PubKeySecp256k1"
    )


def check_tezos(message: Message) -> bool:
    parts = json.loads(message["signature"])
    text = signed_text(message)
    if parts.get("signingType", "raw") == "micheline":
        assert message["time"] == MICHELINE_TIME
        text = micheline(message, parts["dAppUrl"], "2026-09-21T14:15:35.029Z")
    key = TezosKey.from_encoded_key(parts["publicKey"])
    holds = key.verify(parts["signature"], text)
    return bool(holds and key.public_key_hash() == message["sender"])


def check_nuls2(message: Message) -> bool:
    (chain_id,) = struct.unpack("h", nuls2_data.hash_from_address(message["sender"])[:2])
    recovered = nuls2_data.recover_message_address(
        base64.b64decode(message["signature"]), signed_text(message), chain_id=chain_id
    )
    return bool(recovered == message["sender"])


def check_avalanche(message: Message) -> bool:
    raw = base58.b58decode(message["signature"])
    signature = eth_keys.keys.Signature(raw[:65])
    recovered = signature.recover_public_key_from_msg_hash(avalanche_digest(message))
    return bool(
        raw[65:] == hashlib.sha256(raw[:65]).digest()[-4:]
        and avalanche_address(recovered.to_compressed_bytes()) == message["sender"]
    )


CHECKS: dict[str, Callable[[Message], bool]] = {
    "ETH": check_evm,
    "BASE": check_evm,
    "SOL": check_solana,
    "ES": check_solana,
    "DOT": check_substrate,
    "CSDK": check_cosmos,
    "TEZOS": check_tezos,
    "NULS2": check_nuls2,
    "AVAX": check_avalanche,
}


def check_decryption(made: dict[str, Any]) -> bool:
    encrypted, text = bytes.fromhex(made["encrypted"]), bytes.fromhex(made["text"])
    if made["account"] == "ETHAccount":
        return bool(ecies.decrypt(made["private_key"], encrypted) == text)
    if made["account"] == "SOLAccount":
        account = solana.SOLAccount(solana.parse_private_key(made["private_key"]))
        return bool(asyncio.run(account.decrypt(encrypted)) == text)
    seed = base58.b58decode_check(made["private_key"])[4:]
    box = nacl.public.SealedBox(nacl.signing.SigningKey(seed).to_curve25519_private_key())
    return bool(box.decrypt(encrypted) == text)


def check_keystore(made: dict[str, Any]) -> bool:
    opened = Account.decrypt(made["keystore"], made["password"])
    return bool(opened == bytes.fromhex(made["private_key"][2:]))


def check(made: dict[str, Any]) -> int:
    """Print what of ours does not hold for the others, and return how many that are."""
    failures = 0
    checks: list[tuple[str, Callable[[], bool]]] = [
        *(
            (f"signature {e['message']['chain']}", lambda m=e["message"]: CHECKS[m["chain"]](m))
            for e in made["signatures"]
        ),
        *(
            ("encryption " + e["account"], lambda e=e: check_decryption(e))
            for e in made["encryptions"]
        ),
        *(("keystore", lambda e=e: check_keystore(e)) for e in made["keystores"]),
    ]
    for name, run in checks:
        try:
            holds, why = run(), ""
        except Exception as error:  # noqa: BLE001 - the libraries raise many kinds
            holds, why = False, f": {type(error).__name__} {error}"
        failures += not holds
        print(f"{'holds' if holds else 'FAILS'}  {name}{why}")
    return failures


def main() -> int:
    match sys.argv[1:]:
        case ["make", folder]:
            target = Path(folder) / "theirs.json"
            target.write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")
            return 0
        case ["check", *files] if files:
            made = [json.loads(Path(file).read_text(encoding="utf-8")) for file in files]
            return 1 if sum([check(each) for each in made]) else 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
