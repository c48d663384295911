from django.contrib.auth.views import LoginView, logout_then_login
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import path

from your_project import views

urlpatterns = [
    path("", views.chat),
    path("token/", views.token),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", logout_then_login, name="logout"),
] + staticfiles_urlpatterns()  # in development, with any ASGI server
