"""How gunicorn serves what is not the web app: patched first, and without importing the app."""

from gevent import monkey

monkey.patch_all()
