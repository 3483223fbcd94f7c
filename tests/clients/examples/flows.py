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


def by_django(photo):
    answer = Client().post("/photos", {"photo": SimpleUploadedFile("photo.jpg", photo)})
    return answer.status_code, answer.json()


def by_express(photo):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/photos", photo, {"content-type": "image/jpeg"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


flows = [by_django]
modules = pathlib.Path("tests/clients/typescript/node_modules").resolve()
if modules.is_dir():
    # Node looks for modules beside the file.
    copy = modules.parent / "build" / "express_upload.mjs"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(pathlib.Path("examples/flows/express_upload.mjs").read_bytes())
    environment = {**os.environ, "CLEARSHOT": url, "PORT": "0"}
    express = subprocess.Popen(["node", copy], env=environment, stdout=subprocess.PIPE, text=True)
    port = int(express.stdout.readline())
    flows.append(by_express)
try:
    for flow in flows:
        status, answer = flow(GOOD)
        assert status == 201 and answer["verdict"] == "pass" and answer["quality"] > 50, (flow, status, answer)
        status, answer = flow(TILTED)
        assert status == 422 and any("Rotate" in advice for advice in answer["advice"]), (flow, status, answer)
        status, answer = flow(b"no photo")
        assert status == 422 and "not a supported image format" in answer["advice"][0], (flow, status, answer)
finally:
    if len(flows) > 1:
        express.terminate()
print("flows: ok")
