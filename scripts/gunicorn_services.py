"""gunicorn's settings for the tool services and the demo model, which don't import the app."""

from gevent import monkey

monkey.patch_all()
