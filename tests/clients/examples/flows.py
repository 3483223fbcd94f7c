"""Runs the upload flows of examples/flows that have their framework here, Django's and Express': flows.py URL."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import django
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import path

url = sys.argv[1]
GOOD = pathlib.Path("tests/fixtures/pavilion.jpg").read_bytes()
TILTED = pathlib.Path("tests/fixtures/tilted.jpg").read_bytes()

sys.path.insert(0, "examples/flows")
from django_upload import upload  # noqa: E402

urlpatterns = [path("photos", upload)]
settings.configure(CLEARSHOT=url, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["testserver"])
django.setup()
from django.test import Client  # noqa: E402


# The service with a path before its own, where it has nothing: a fault of whoever set it up.
ASTRAY = f"{url}/astray"


def by_django(photo, clearshot=url):
    settings.CLEARSHOT = clearshot
    answer = Client().post("/photos", {"photo": SimpleUploadedFile("photo.jpg", photo)})
    return answer.status_code, json.loads(answer.content or "null")


def by_express(photo, clearshot=url):
    request = urllib.request.Request(f"http://127.0.0.1:{ports[clearshot]}/photos", photo, {"content-type": "image/jpeg"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or "null")


def express(clearshot):
    environment = {**os.environ, "CLEARSHOT": clearshot, "PORT": "0"}
    return subprocess.Popen(["node", copy], env=environment, stdout=subprocess.PIPE, text=True)


flows, servers = [by_django], {}
modules = pathlib.Path("tests/clients/typescript/node_modules").resolve()
if modules.is_dir():
    # Node looks for modules beside the file.
    copy = modules.parent / "build" / "express_upload.mjs"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(pathlib.Path("examples/flows/express_upload.mjs").read_bytes())
    servers = {clearshot: express(clearshot) for clearshot in (url, ASTRAY)}
    flows.append(by_express)
try:
    ports = {clearshot: int(server.stdout.readline()) for clearshot, server in servers.items()}
    for flow in flows:
        status, answer = flow(GOOD)
        assert status == 201 and answer["verdict"] == "pass" and answer["quality"] > 50, (flow, status, answer)
        status, answer = flow(TILTED)
        assert status == 422 and any("Rotate" in advice for advice in answer["advice"]), (flow, status, answer)
        status, answer = flow(b"no photo")
        assert status == 422 and "not a supported image format" in answer["advice"][0], (flow, status, answer)
        status, answer = flow(b"no photo", ASTRAY)
        assert status == 502 and answer is None, (flow, status, answer)
finally:
    for server in servers.values():
        server.terminate()
print("flows: ok")
