"""The WebSocket consumer of the guide's system: frames and group messages as interop of the channel layer expects them."""
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import transaction
from django.utils import timezone

from messaging.models import Conversation, ConversationParticipant, Message


def as_json(message):
    return {"id": str(message.id), "conversation_id": str(message.conversation_id), "sender_id": message.sender_id,
            "content": message.content, "content_type": message.content_type, "sent_at": message.sent_at.isoformat(),
            "delivered_at": None, "read_at": message.read_at and message.read_at.isoformat(), "metadata": message.metadata,
            "attachments": []}


class ChatConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.user_id = self.scope["user_id"]
        self.conversation_id = self.scope["url_route"]["kwargs"]["conversation_id"]
        self.group = f"conversation_{self.conversation_id}"
        self.joined = False
        if self.user_id is None:
            return await self.close(code=4001)
        await self.accept()
        if not await self.is_participant():
            return await self.close(code=4003)
        await self.channel_layer.group_add(self.group, self.channel_name)
        self.joined = True
        await self.send_json({"type": "connection_established",
                              "data": {"conversation_id": self.conversation_id, "user_id": self.user_id}})
        await self.publish("user_online", user_id=self.user_id)

    async def disconnect(self, code):
        if self.joined:
            await self.channel_layer.group_discard(self.group, self.channel_name)
            await self.publish("user_offline", user_id=self.user_id)

    async def publish(self, kind, **fields):
        await self.channel_layer.group_send(self.group, {"type": kind, **fields})

    # --- frames of the client

    async def receive_json(self, frame):
        handler = {"message": self.on_message, "typing": self.on_typing, "read_receipt": self.on_read_receipt,
                   "load_history": self.on_load_history}.get(frame.get("type"))
        if handler is None:
            return await self.send_json({"type": "error", "data": {"message": "unknown type"}})
        await handler(frame)

    async def on_message(self, frame):
        message = await self.save(frame["content"], frame.get("content_type", "text"), frame.get("metadata") or {})
        await self.publish("chat_message", message=message)

    async def on_typing(self, frame):
        await self.publish("typing_indicator", user_id=self.user_id, is_typing=bool(frame.get("is_typing")))

    async def on_read_receipt(self, frame):
        await self.mark_read(frame["message_ids"])
        await self.publish("read_receipt", user_id=self.user_id, message_ids=frame["message_ids"])

    async def on_load_history(self, frame):
        messages = await self.history(min(int(frame.get("limit", 50)), 100), frame.get("before_id"))
        await self.send_json({"type": "message_history", "data": {"messages": messages}})

    # --- the database

    @database_sync_to_async
    def is_participant(self):
        return ConversationParticipant.objects.filter(conversation_id=self.conversation_id, user_id=self.user_id).exists()

    @database_sync_to_async
    def save(self, content, content_type, metadata):
        with transaction.atomic():
            message = Message.objects.create(conversation_id=self.conversation_id, sender_id=self.user_id, content=content,
                                             content_type=content_type, metadata=metadata)
            Conversation.objects.filter(id=self.conversation_id).update(last_message_at=message.sent_at)
        return as_json(message)

    @database_sync_to_async
    def mark_read(self, ids):
        now = timezone.now()
        Message.objects.filter(id__in=ids, conversation_id=self.conversation_id, read_at=None).exclude(
            sender_id=self.user_id).update(read_at=now)
        ConversationParticipant.objects.filter(conversation_id=self.conversation_id, user_id=self.user_id).update(last_read_at=now)

    @database_sync_to_async
    def history(self, limit, before_id):
        """Newest first."""
        found = Message.objects.filter(conversation_id=self.conversation_id).order_by("-sent_at", "-id")
        if before_id:
            found = found.filter(sent_at__lt=Message.objects.get(id=before_id).sent_at)
        return [as_json(message) for message in found[:limit]]

    # --- messages of the group: a type without a method here ends the WebSocket

    async def chat_message(self, event):
        await self.send_json({"type": "message", "data": event["message"]})

    async def message_updated(self, event):
        await self.send_json({"type": "message_updated", "data": event["message"]})

    async def message_deleted(self, event):
        await self.send_json({"type": "message_deleted", "data": {"message_id": event["message_id"]}})

    async def conversation_updated(self, event):
        await self.send_json({"type": "conversation_updated", "data": event["conversation"]})

    async def read_receipt(self, event):
        await self.send_json({"type": "read_receipt", "data": {"user_id": event["user_id"], "message_ids": event["message_ids"]}})

    async def typing_indicator(self, event):
        if event["user_id"] != self.user_id:
            await self.send_json({"type": "typing_indicator", "data": {"user_id": event["user_id"], "is_typing": event["is_typing"]}})

    async def user_online(self, event):
        await self.send_json({"type": "user_online", "data": {"user_id": event["user_id"]}})

    async def user_offline(self, event):
        await self.send_json({"type": "user_offline", "data": {"user_id": event["user_id"]}})
