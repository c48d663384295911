"""The application of the guide's system, without the announcement of each user that comes and goes: announcements cost a broadcast for
each connection, so 1,000 members of a conversation that connect would cause 500,000 deliveries before the first message."""
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guide_settings")

from old_system.asgi import application  # noqa: E402
from messaging.consumers import ChatConsumer  # noqa: E402

announce = ChatConsumer.publish


async def publish(self, kind, **fields):
    if kind not in ("user_online", "user_offline"):
        await announce(self, kind, **fields)


ChatConsumer.publish = publish
__all__ = ["application"]
