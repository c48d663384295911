"""The page, and the tokens with which it talks to Parley."""
import time
import uuid

import jwt
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.shortcuts import render

TOKEN_LIFETIME = 300  # seconds; the page fetches a new one for each connection


@login_required
def chat(request):
    others = get_user_model().objects.exclude(pk=request.user.pk).order_by("username")
    people = [{"id": str(user.pk), "name": user.get_full_name() or user.username} for user in others]
    return render(request, "chat.html", {"people": people, "me": str(request.user.pk)})


@login_required
def token(request):
    """An access token of the user who is logged in, signed with the key that Parley shares."""
    now = int(time.time())
    claims = {"user_id": str(request.user.pk), "token_type": "access", "jti": uuid.uuid4().hex, "iat": now, "exp": now + TOKEN_LIFETIME}
    return JsonResponse({"access": jwt.encode(claims, settings.SECRET_KEY, algorithm="HS256"), "expires_in": TOKEN_LIFETIME})
