"""A project: migrations, templates, the admin's files, a management command, runserver."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

SETTINGS = """
SECRET_KEY = "x" * 50
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_urls"
INSTALLED_APPS = ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
    "django.contrib.sessions", "django.contrib.messages", "django.contrib.staticfiles", "shop"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": ["django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages"]}}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
STATIC_URL = "static/"
USE_TZ = True
LANGUAGE_CODE = "de"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
FILES = {
    "site_settings.py": SETTINGS,
    "site_urls.py": "from django.contrib import admin\nfrom django.urls import path\nfrom shop import views\n"
    "urlpatterns = [path('admin/', admin.site.urls), path('', views.index)]\n",
    "shop/__init__.py": "",
    "shop/models.py": "from django.db import models\n"
    "class Item(models.Model):\n    name = models.CharField(max_length=50)\n",
    "shop/views.py": "from django.shortcuts import render\nfrom shop.models import Item\n"
    "def index(request):\n    return render(request, 'list.html', {'items': Item.objects.order_by('name')})\n",
    "shop/templates/list.html": "{% load i18n %}{% for item in items %}<li>{{ item.name|upper }}</li>"
    "{% endfor %}{% translate 'Yes' %}",
    "manage.py": "import os, sys\nos.environ['DJANGO_SETTINGS_MODULE'] = 'site_settings'\n"
    "from django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n",
}


def manage(*arguments):
    done = subprocess.run([sys.executable, "manage.py", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def get(url):
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode()
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError):
                raise
            time.sleep(0.2)
    raise AssertionError("no answer")


def main():
    for name, text in FILES.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    manage("makemigrations", "shop")
    assert Path("shop/migrations/0001_initial.py").exists()
    assert "Applying auth.0001_initial" in manage("migrate")
    manage("shell", "-c", "from shop.models import Item; Item.objects.create(name='pear')")
    port = 8000 + os.getpid() % 1000
    server = subprocess.Popen([sys.executable, "manage.py", "runserver", f"127.0.0.1:{port}"])
    try:
        assert get(f"http://127.0.0.1:{port}/") == "<li>PEAR</li>Ja"
        assert "Django-Systemverwaltung" in get(f"http://127.0.0.1:{port}/admin/login/")
        assert "body" in get(f"http://127.0.0.1:{port}/static/admin/css/base.css")
    finally:
        server.terminate()
        server.wait(20)
    print("as expected")
