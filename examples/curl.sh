#!/bin/sh
# Scores a photo and says what to do with it: examples/curl.sh PHOTO [URL]. Needs curl.
set -eu
photo=$1 url=${2:-http://127.0.0.1:8080}

curl --silent --show-error --fail-with-body --data-binary "@$photo" "$url/score?profile=real-estate"
