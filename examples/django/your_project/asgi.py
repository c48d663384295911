from messaging.asgi import application

__all__ = ["application"]
