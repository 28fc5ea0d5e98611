"""Who vouches for a package: signatures over its digest, in the forms that Sigstore and in-toto gave them."""

from modelway.packaging.signing.bundle import Bundle, parse_bundle, parse_bundles, signature_path
from modelway.packaging.signing.check import Trusted, check_signatures
from modelway.packaging.signing.keys import PublicKey, make_key_pair, read_private_key, read_public_key
from modelway.packaging.signing.sign import sign_file

__all__ = [
    "Bundle",
    "PublicKey",
    "Trusted",
    "check_signatures",
    "make_key_pair",
    "parse_bundle",
    "parse_bundles",
    "read_private_key",
    "read_public_key",
    "sign_file",
    "signature_path",
]
