"""Models of the tables that Parley shares with Django, if `MESSAGING_MODELS = True`.

They are for a project whose database Parley has taken over. They are not managed: no migration creates,
changes or drops these tables. Without the setting the app has no models, so that a project whose Parley
has a database of its own can delete users without tables that do not exist there.
"""

from __future__ import annotations

from django.conf import settings

if getattr(settings, "MESSAGING_MODELS", False):
    from messaging.tables import AttachmentModel, ConversationModel, ConversationParticipantModel, MessageModel

    __all__ = ["AttachmentModel", "ConversationModel", "ConversationParticipantModel", "MessageModel"]
