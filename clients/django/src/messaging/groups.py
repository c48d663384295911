"""Group names on the channel layer, and application events for the clients behind them."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Mapping, Optional, Union
from uuid import UUID

_LAYER_ALPHABET = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_LOOKS_HASHED = re.compile(r"x[0-9a-f]{64}", re.ASCII)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_LONGEST_GROUP_NAME = 99


def user_group(user_id: Union[str, int, UUID]) -> str:
    """The group of a user: `user_<id>`, or `user_x<SHA-256>` for an id that no group name can hold."""
    text = str(user_id)
    if _UUID.fullmatch(text):
        text = text.lower()
    name = f"user_{text}"
    if _LAYER_ALPHABET.fullmatch(text) and len(name) <= _LONGEST_GROUP_NAME and not _LOOKS_HASHED.fullmatch(text):
        return name
    return "user_x" + hashlib.sha256(text.encode()).hexdigest()


def conversation_group(conversation_id: Union[str, UUID]) -> str:
    """The group of a conversation, whatever the spelling of its id."""
    return f"conversation_{UUID(str(conversation_id))}"


async def send_event(group: str, name: str, payload: Optional[Mapping[str, Any]] = None) -> None:
    """Sends an application event to the clients of a user or conversation, over the default channel layer.

    Clients receive `{"type": "event", "data": {"name": …, "payload": …}}`. On the layer the name is the
    message's type, which Parley's configuration must allow. The event is ephemeral: it reaches the
    clients that are connected, at most once. In synchronous code use
    `asgiref.sync.async_to_sync(send_event)(…)`.
    """
    from channels.layers import get_channel_layer

    fields = dict(payload or {})
    if "type" in fields:
        raise ValueError("The payload of an event cannot have the field 'type': on the channel layer it is the name.")
    layer = get_channel_layer()
    if layer is None:
        raise RuntimeError("No channel layer is configured: set CHANNEL_LAYERS.")
    await layer.group_send(group, {**fields, "type": name})
