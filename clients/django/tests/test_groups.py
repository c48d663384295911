import hashlib
import unittest
from unittest import mock
from uuid import UUID

from messaging.groups import conversation_group, send_event, user_group


def hashed(text):
    return "user_x" + hashlib.sha256(text.encode()).hexdigest()


class UserGroup(unittest.TestCase):
    def test_an_id_that_a_group_name_can_hold_stands_in_it(self):
        for user in ("ann", "7", 7, "a.b_c-D", "x", "x" + 63 * "0", 94 * "a"):
            self.assertEqual(user_group(user), f"user_{user}")

    def test_any_other_id_is_hashed(self):
        for user in ("auth0|5f7c", "ann+chat@example.org", 95 * "a", "x" + 64 * "0", "ä"):
            self.assertEqual(user_group(user), hashed(user))
        self.assertEqual(user_group("x" + 64 * "G"), "user_x" + 64 * "G")

    def test_the_hash_is_the_documented_one(self):
        self.assertEqual(
            user_group("auth0|5f7c"), "user_x" + hashlib.sha256(b"auth0|5f7c").hexdigest())

    def test_a_uuid_is_folded_to_lower_case(self):
        upper = "123E4567-E89B-12D3-A456-426614174000"
        for user in (upper, upper.lower(), UUID(upper)):
            self.assertEqual(user_group(user), "user_123e4567-e89b-12d3-a456-426614174000")


class ConversationGroup(unittest.TestCase):
    def test_any_spelling_of_the_id_gives_the_same_group(self):
        for spelling in ("123E4567E89B12D3A456426614174000", UUID("123e4567-e89b-12d3-a456-426614174000")):
            self.assertEqual(conversation_group(spelling), "conversation_123e4567-e89b-12d3-a456-426614174000")
        with self.assertRaises(ValueError):
            conversation_group("general")


class SendEvent(unittest.IsolatedAsyncioTestCase):
    async def test_sends_one_message_to_the_group(self):
        layer = mock.AsyncMock()
        with mock.patch("channels.layers.get_channel_layer", return_value=layer):
            await send_event("user_7", "order.paid", {"order": 17})
        layer.group_send.assert_awaited_once_with("user_7", {"type": "order.paid", "order": 17})

    async def test_the_type_of_a_message_is_the_name_of_the_event(self):
        with self.assertRaises(ValueError):
            await send_event("user_7", "order.paid", {"type": "other"})
