"""Who opened a WebSocket, as the guide's system finds out: an access token in `?token=` or in the Authorization header."""
from urllib.parse import parse_qs

import jwt
from django.conf import settings


class TokenMiddleware:
    """Sets scope["user_id"]; None without a valid token."""

    def __init__(self, application):
        self.application = application

    async def __call__(self, scope, receive, send):
        return await self.application({**scope, "user_id": user_of(scope)}, receive, send)


def user_of(scope):
    given = parse_qs(scope["query_string"].decode()).get("token")
    header = dict(scope["headers"]).get(b"authorization", b"").decode()
    token = given[0] if given else header.removeprefix("Bearer ")
    try:
        return jwt.decode(token, settings.SECRET_KEY, algorithms=["HS256"])["user_id"]
    except (jwt.InvalidTokenError, KeyError):
        return None
