"""Scores a photo and says what to do with it: python3 examples/python.py PHOTO [URL]. Needs nothing but Python 3."""

import json
import sys
import urllib.error
import urllib.request

photo, url = sys.argv[1], (sys.argv + ["http://127.0.0.1:8080"])[2]
try:
    with urllib.request.urlopen(url + "/score?profile=real-estate", data=open(photo, "rb").read()) as response:
        answer = json.load(response)
except urllib.error.HTTPError as error:
    sys.exit("refused: " + json.load(error)["detail"])
print(answer["verdict"], *(f"- {reason['code']}: {reason['advice']}" for reason in answer["reasons"]), sep="\n")
