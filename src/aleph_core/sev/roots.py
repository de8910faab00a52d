"""AMD's roots: which file holds them, where AMD publishes it, and how to know that it is genuine.

The files are not part of this library. Their fingerprints are, so it does not matter who hands
them over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..errors import CertificateError
from .arguments import require_bytes
from .authorities import AuthorityCertificate
from .keys import Algorithm, Usage

if TYPE_CHECKING:
    from .platform import PlatformCertificates

__all__ = ["AMD_ROOTS", "RootSource", "TrustedRoot", "products_for"]

_NAPLES_UNSIGNED: Final = 576
# The products whose roots AMD's key service has, as PEM chains of the same keys.
_KEY_SERVICE: Final = frozenset({"genoa", "milan", "turin"})


@attrs.frozen(repr=False)
class TrustedRoot:
    """The keys of one product of AMD's that a platform may go back to: the ARK and its ASK."""

    product: str
    ark: rsa.RSAPublicKey
    ask: rsa.RSAPublicKey

    @classmethod
    def from_certificates(cls, product: str, *, ark: bytes, ask: bytes) -> Self:
        """Trust a root of your own, such as that of a test platform.

        AMD's come from ``AMD_ROOTS``, where they are held against their fingerprints. Raises
        ``CertificateError`` unless the ARK signed itself and the ASK.
        """
        above = AuthorityCertificate(require_bytes(ark, "ark"))
        below = AuthorityCertificate(require_bytes(ask, "ask"))
        _require_usages(above, below)
        above.check_issuer(above)
        below.check_issuer(above)
        return cls(product, above.public_key(), below.public_key())

    def __repr__(self) -> str:
        return f"<TrustedRoot {self.product}>"


@attrs.frozen
class RootSource:
    """Where the ARK and ASK of a product are published, and the SHA-256 of each in hexadecimal.

    A file is of AMD's own format, pinned as a whole, or a PEM chain, pinned by its public keys
    (DER SubjectPublicKeyInfo). ``urls`` are to be asked in order.
    """

    product: str
    urls: tuple[str, ...]
    ark_key_id: str
    ark_file: str
    ark_key: str
    ask_file: str
    ask_key: str
    ark_body: str | None = None

    def read(self, data: bytes) -> TrustedRoot:
        """Return the root that is in a file of AMD's, in whatever order its certificates are.

        Raises ``CertificateError`` with the check ``pin`` for genuine-looking certificates that are
        not the product's, and with ``length`` or another for bytes that are no such file.
        """
        data = require_bytes(data, "data")
        found = self._keys(data) if data.lstrip().startswith(b"-----") else self._files(data)
        if len(found) != 2:
            raise CertificateError(
                f"this is not the file of {self.product}'s ASK and ARK: one of them is missing",
                check="incomplete",
            )
        return TrustedRoot(self.product, found["ARK"], found["ASK"])

    def _keys(self, data: bytes) -> dict[str, rsa.RSAPublicKey]:
        try:
            keys = [part.public_key() for part in x509.load_pem_x509_certificates(data)]
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
            raise CertificateError(f"this is no PEM chain: {error}", check="form") from error
        found = {}
        for key in keys:
            encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            name = self._pinned(encoded, {self.ark_key: "ARK", self.ask_key: "ASK"})
            assert isinstance(key, rsa.RSAPublicKey)
            found[name] = key
        return found

    def _files(self, data: bytes) -> dict[str, rsa.RSAPublicKey]:
        found = {}
        for part in _split(data):
            name = self._pinned(
                part, {self.ark_file: "ARK", self.ask_file: "ASK", self.ark_body: "ARK"}
            )
            # A body that is pinned needs no signature; its key is read as if it had one.
            whole = part.ljust(AuthorityCertificate.SIZES[0], b"\0")
            found[name] = AuthorityCertificate(whole).public_key()
        return found

    def _pinned(self, data: bytes, pins: Mapping[str | None, str]) -> str:
        digest = hashlib.sha256(data).hexdigest()
        if digest not in pins:
            raise CertificateError(
                f"this is not AMD's root of {self.product}: SHA-256 {digest} is none of its pins",
                check="pin",
            )
        return pins[digest]


def products_for(chain: PlatformCertificates) -> tuple[str, ...]:
    """Return whose roots to get for ``chain.verify``, likeliest first, as keys of ``AMD_ROOTS``.

    A chain that brings its ARK names its product, which then remains to be verified.
    """
    for name, source in AMD_ROOTS.items():
        if chain.ark is not None and chain.ark.key_id.hex() == source.ark_key_id:
            return (name,)
    slots = [] if chain.cek is None else chain.cek.slots
    # Naples alone has roots of 2048 bits, which sign with SHA-256.
    naples = any(
        (slot.usage, slot.algorithm) == (Usage.ASK, Algorithm.RSA_SHA256) for slot in slots
    )
    return tuple(name for name in AMD_ROOTS if (name == "naples") == naples)


def _split(data: bytes) -> tuple[bytes, bytes]:
    small, large = AuthorityCertificate.SIZES
    for first, second in ((small, small), (large, large), (small, _NAPLES_UNSIGNED)):
        if len(data) == first + second:
            return data[:first], data[first:]
    raise CertificateError(f"{len(data)} bytes are not an ASK and an ARK of AMD's", check="length")


def _require_usages(ark: AuthorityCertificate, ask: AuthorityCertificate) -> None:
    for certificate, usage in ((ark, Usage.ARK), (ask, Usage.ASK)):
        if certificate.usage != usage:
            raise CertificateError(
                f"this is the {certificate.name}, where the {usage.name} is due", check="usage"
            )


def _source(product: str, **pins: str) -> RootSource:
    chains = [f"https://kdsintf.amd.com/vcek/v1/{product.title()}/cert_chain"]
    urls = chains if product in _KEY_SERVICE else []
    file = f"https://developer.amd.com/wp-content/resources/ask_ark_{product}.cert"
    return RootSource(product, (*urls, file), **pins)


# By product, those of today's compute nodes first.
_SOURCES: Final = (
    _source(
        "genoa",
        ark_key_id="9f9d4a8fe761456599f6946c4c010f3a",
        ark_file="8f4e3fd36589c23f1fe0c8338465bac7e2e066d97fc92f228bbee4fd356fb674",
        ark_key="429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831",
        ask_file="c30307e4f594fb6c51fd753ab758eb78ad4bb70d9e4d96690e51c0621901031d",
        ask_key="0324d55bcd48ba877a8fd87c0e1b4934dec8448e3807a24384a34dc6a6c9ebb8",
    ),
    _source(
        "turin",
        ark_key_id="d05c3a8bde484904b49552422ceb3942",
        ark_file="f6405e5096a6eee1eb7d5df75c49f9b9f7c8357a31c7fff150149d68588a7bf7",
        ark_key="4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08",
        ask_file="2ee285477f0d5eb94a69029197f4cf58ca82d8e1b9a276da1ac45b0db3f4be56",
        ask_key="0000ead352025f208bf55297c4192c34cd1b878002107366d8f2065a9ae7d3a9",
    ),
    _source(
        "milan",
        ark_key_id="94c38e4177d0479292a7ae671d083fb6",
        ark_file="1246469862b78a7a8625579b0378d1f8e975eb8b82a1623b579d7968a5969888",
        ark_key="9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9",
        ask_file="c7c73765561c58003a3d09adb2c76993027dd3a1ec4e9be876024c035e015cec",
        ask_key="42491669ccb851d627ea9846cd24eccbeb7de7c2a62740120fff88001d38ebb6",
    ),
    _source(
        "rome",
        ark_key_id="e6002122fb58419399d15fee7b131351",
        ark_file="865977b268c16d5b27772b00aaefb4e737ba9499e818ed8e9f65b0cecefbc529",
        ark_key="7447ffa21e2b938bfade89f5e9066c00a328813bfc43685605cceabd18da6fde",
        ask_file="7754a69407d25540fe3a695be6b02c58a53bffd12594f5c30793d6cb62875706",
        ask_key="9bb73c0c50457cf090f9df877c4b4f26368b84d4e4c17e938654c11d90084321",
    ),
    _source(
        "naples",
        ark_key_id="1bb987c359494606b174945601c9ea5b",
        ark_file="dedabca561e1dece8cc00b7bda864cf5f20b95017864408cfe18eaee0dce24b9",
        ark_key="3a04f8f1347de206c9206a81148ba4ef0a233b245d43a15dd82de043bb3e4f69",
        ask_file="c6f30cf923f526c3bcd5c8c221db51e0db65911782f046de17a6603131cdfd7f",
        ask_key="7a3f8d54ba053a7f68fc6117c0392be4c332783e9d9e53b90d42bc7b79830a9f",
        # AMD's own file of Naples holds this beginning of the ARK, without the signature.
        ark_body="8efddcaaf84990cf6354d93637be270220cf15797332b3d918c3b8cc77349f31",
    ),
)
AMD_ROOTS: Final[Mapping[str, RootSource]] = MappingProxyType(
    {source.product: source for source in _SOURCES}
)
