"""The ASGI proxy to Parley: HTTP/1.1 and WebSocket on asyncio streams, without further dependencies."""
