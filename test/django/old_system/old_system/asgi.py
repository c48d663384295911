"""The application that Daphne and Uvicorn serve."""
import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "old_system.serving")
http = get_asgi_application()

from messaging.consumers import ChatConsumer  # noqa: E402
from messaging.tokens import TokenMiddleware  # noqa: E402

application = ProtocolTypeRouter({
    "http": http,
    "websocket": TokenMiddleware(URLRouter([
        re_path(r"^ws/messaging/conversations/(?P<conversation_id>[0-9a-f-]+)/$", ChatConsumer.as_asgi())])),
})
