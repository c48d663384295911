"""Runs Parley behind a Django project, under the names of the messaging app that it replaces."""

__version__ = "0.1.0"
