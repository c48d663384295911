"""Mints tokens as a backend does."""
import time
import uuid

import jwt

from server import KEY


def mint(user, ttl=3600, key=KEY, algorithm="HS256", headers=None, **claims):
    """Returns an access token of `user`; a claim with the value None is left out."""
    now = int(time.time())
    payload = {"user_id": user, "token_type": "access", "jti": uuid.uuid4().hex, "iat": now,
               "exp": now + ttl}
    payload.update(claims)
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, key, algorithm=algorithm, headers=headers)


def expiry(token):
    return jwt.decode(token, options={"verify_signature": False})["exp"]
