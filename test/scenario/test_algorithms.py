"""Tokens as a backend signs them, with every algorithm that JOSE libraries offer for signatures."""
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from client import Rest, Socket, assert_closes_with, assert_problem
from server import run
from tokens import mint

KINDS = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "small RSA": lambda: rsa.generate_private_key(65537, 1024),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}
KIND_OF = {**{name: "RSA" for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")},
           "ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}


def private_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).decode()


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def pem_file(tmp_path):
    def write(text, name="key.pem"):
        (tmp_path / name).write_text(text)
        return tmp_path / name
    return write


def answer(server, token):
    return Rest(server, token).get("conversations/")


@pytest.mark.parametrize("algorithm", KIND_OF)
def test_tokens_of_a_key_pair_open_both_doors(own_server, pem_file, algorithm):
    mine, another = KINDS[KIND_OF[algorithm]](), KINDS[KIND_OF[algorithm]]()
    server = own_server("--auth-algorithm", algorithm, "--auth-public-key", pem_file(public_pem(mine)),
                        JWT_SECRET_KEY=None)
    good = mint("ann", key=private_pem(mine), algorithm=algorithm)
    assert answer(server, good).status_code == 200
    with Socket(server, token=good) as socket:
        assert socket.wait_for("connection_established")["data"]["user_id"] == "ann"
    bad = [mint("ann", key=private_pem(another), algorithm=algorithm), mint("ann"),
           good[:-8] + "AAAAAAAA"]
    bad += [mint("ann", key=private_pem(mine), algorithm=other)
            for other, kind in KIND_OF.items() if kind == KIND_OF[algorithm] and other != algorithm]
    for token in bad:
        assert_problem(answer(server, token), 401, "not_authenticated")
    assert_closes_with(Socket(server, token=bad[0]), 4001)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_tokens_of_a_secret(own_server, algorithm):
    server = own_server("--auth-algorithm", algorithm)
    for one in "HS256", "HS384", "HS512":
        assert answer(server, mint("ann", algorithm=one)).status_code == (200 if one == algorithm else 401)


@pytest.mark.parametrize("algorithm, kind", [
    ("RS256", "small RSA"), ("RS256", "P-256"), ("PS512", "Ed25519"), ("ES256", "P-384"),
    ("ES256", "secp256k1"), ("ES512", "P-256"), ("ES384", "RSA"), ("EdDSA", "P-256")])
def test_a_key_that_does_not_fit_its_algorithm_ends_check_and_start_alike(tmp_path, pem_file, algorithm, kind):
    key = pem_file(public_pem(KINDS[kind]()))
    for command in ["config", "check"], ["serve"]:
        done = run(*command, "--auth-algorithm", algorithm, "--auth-public-key", str(key), "--port", "0",
                   directory=tmp_path, JWT_SECRET_KEY=None)
        assert done.returncode == 2, done.stdout
        assert "auth.public_key: " in done.stdout


def test_parley_token_signs_with_the_private_key(own_server, pem_file, tmp_path):
    mine = KINDS["P-256"]()
    options = ["--auth-algorithm", "ES256", "--auth-public-key", str(pem_file(public_pem(mine)))]
    made = run("token", "--user", "ann", *options, "--auth-private-key",
               str(pem_file(private_pem(mine), "private.pem")), directory=tmp_path, JWT_SECRET_KEY=None)
    assert made.returncode == 0, made.stdout
    assert answer(own_server(*options, JWT_SECRET_KEY=None), made.stdout.strip()).status_code == 200
