"""Tokens of every supported algorithm, signed by PyJWT."""
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from client import Rest, assert_problem
from tokens import mint

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEYS = {
    "RS256": RSA, "RS384": RSA, "RS512": RSA, "PS256": RSA, "PS384": RSA, "PS512": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()), "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()), "EdDSA": ed25519.Ed25519PrivateKey.generate()}


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def answer(server, token):
    return Rest(server, token).get("conversations/")


@pytest.mark.parametrize("algorithm", KEYS)
@pytest.mark.proves("HS, RS, PS, ES 256 to 512, EdDSA")
def test_only_tokens_of_the_configured_algorithm_are_accepted(own_server, tmp_path, algorithm):
    key = KEYS[algorithm]
    (tmp_path / "key.pem").write_bytes(public_pem(key))
    server = own_server("--auth-algorithm", algorithm, "--auth-public-key", str(tmp_path / "key.pem"),
                        directory=tmp_path)
    good = mint("ann", key=key, algorithm=algorithm)
    assert answer(server, good).status_code == 200
    head, body, signature = good.split(".")
    for broken in (f"{head}.{body}.{signature[:-4]}AAAA", f"{head}.{body}.", f"{head}.{body}.{signature}AA"):
        assert_problem(answer(server, broken), 401, "token_not_valid")
    for other, other_key in KEYS.items():
        if other != algorithm:
            assert_problem(answer(server, mint("ann", key=other_key, algorithm=other)), 401)
    assert_problem(answer(server, mint("ann", key="x" * 40)), 401)
    assert_problem(answer(server, mint("ann", key=another(key), algorithm=algorithm)), 401)


def another(key):
    if isinstance(key, rsa.RSAPrivateKey):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(key.curve)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.proves("HS, RS, PS, ES 256 to 512, EdDSA")
def test_hmac_algorithms_verify_tokens_with_a_shared_secret(own_server, tmp_path, algorithm):
    secret = "a shared secret of more than sixty-four bytes, as HS512 would like to have it"
    server = own_server("--auth-algorithm", algorithm, directory=tmp_path, JWT_SECRET_KEY=secret)
    assert answer(server, mint("ann", key=secret, algorithm=algorithm)).status_code == 200
    for other in {"HS256", "HS384", "HS512"} - {algorithm}:
        assert_problem(answer(server, mint("ann", key=secret, algorithm=other)), 401)


@pytest.mark.proves("parley token")
def test_the_server_accepts_tokens_minted_by_the_command_line(own_server, tmp_path):
    from server import run
    key = KEYS["ES256"]
    (tmp_path / "public.pem").write_bytes(public_pem(key))
    (tmp_path / "private.pem").write_bytes(private_pem(key))
    server = own_server("--auth-algorithm", "ES256", "--auth-public-key", str(tmp_path / "public.pem"),
                        directory=tmp_path)
    made = run("token", "--user", "ann", "--auth-algorithm", "ES256",
               "--auth-private-key", str(tmp_path / "private.pem"),
               "--auth-public-key", str(tmp_path / "public.pem"), directory=tmp_path)
    assert answer(server, made.stdout.strip()).status_code == 200, made


@pytest.mark.proves("PEM keys")
def test_a_key_of_the_wrong_type_fails_the_start(tmp_path):
    from server import run
    (tmp_path / "key.pem").write_bytes(public_pem(KEYS["ES384"]))
    ended = run("serve", "--auth-algorithm", "ES256", "--auth-public-key", str(tmp_path / "key.pem"),
                "--port", "0", directory=tmp_path)
    assert ended.returncode == 2 and "auth.public_key" in ended.stdout, ended.stdout
