import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class NumberedUser(AbstractUser):
    id = models.BigAutoField(primary_key=True)

    class Meta:
        swappable = "AUTH_USER_MODEL"


class UuidUser(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)

    class Meta:
        swappable = "AUTH_USER_MODEL"
