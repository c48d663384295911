"""The four tables, with the columns of the original messaging system. See `messaging.models`."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class ConversationModel(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    type = models.CharField(max_length=20, default="direct")
    title = models.CharField(max_length=255, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    participants = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="ConversationParticipantModel", related_name="conversations")

    class Meta:
        app_label = "messaging"
        managed = False
        db_table = "messaging_conversation"
        ordering = ["-last_message_at", "-created_at"]

    def __str__(self) -> str:
        return self.title or f"{self.type} {self.id}"


class ConversationParticipantModel(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(ConversationModel, models.CASCADE, related_name="conversation_participants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="conversation_participations")
    joined_at = models.DateTimeField(auto_now_add=True)
    is_admin = models.BooleanField(default=False)
    last_read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "messaging"
        managed = False
        db_table = "messaging_conversation_participant"
        unique_together = [("conversation", "user")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.conversation_id}"


class MessageModel(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(ConversationModel, models.CASCADE, related_name="messages")
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="sent_messages")
    content = models.TextField()
    content_type = models.CharField(max_length=20, default="text")
    sent_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        app_label = "messaging"
        managed = False
        db_table = "messaging_message"
        ordering = ["-sent_at"]

    def __str__(self) -> str:
        return f"{self.sender_id}: {self.content[:50]}"


class AttachmentModel(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    file_name = models.CharField(max_length=255)
    file_path = models.CharField(max_length=1000)
    file_url = models.CharField(max_length=1000)
    file_size = models.IntegerField()
    content_type = models.CharField(max_length=100)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="uploaded_attachments")
    uploaded_at = models.DateTimeField(auto_now_add=True)
    message = models.ForeignKey(MessageModel, models.CASCADE, null=True, blank=True, related_name="attachments")
    metadata = models.JSONField(null=True, blank=True)

    class Meta:
        app_label = "messaging"
        managed = False
        db_table = "messaging_attachment"

    def __str__(self) -> str:
        return self.file_name
