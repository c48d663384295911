from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

USERS = {"ann": "Ann Baker", "bob": "Bob Carter", "cleo": "Cleo Diaz"}


class Command(BaseCommand):
    help = "Creates the example's users; each password is the user's name."

    def handle(self, *args, **options):
        for name, full_name in USERS.items():
            first, last = full_name.split()
            user, created = get_user_model().objects.get_or_create(username=name, defaults={"first_name": first, "last_name": last})
            if created:
                user.set_password(name)
                user.save()
        self.stdout.write(f"Users: {', '.join(USERS)}. Each password is the user's name.")
