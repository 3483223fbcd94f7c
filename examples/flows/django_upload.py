"""A Django view that takes a listing's photo only if it can be published, and tells its owner what to do if not.

A service with keys wants `headers={"Authorization": f"Bearer {key}"}`, too.
"""

import requests
from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_POST


@require_POST
def upload(request):
    photo = request.FILES["photo"].read()
    answer = requests.post(f"{settings.CLEARSHOT}/score", params={"profile": "real-estate"}, data=photo, timeout=30)
    if answer.status_code in (429, 503, 504):
        return HttpResponse(status=503, headers={"Retry-After": answer.headers.get("Retry-After", "1")})
    # The rest is no fault of the photo, such as a key that is missing, and no business of its owner.
    if not answer.ok and answer.status_code not in (400, 408, 413, 415, 422):
        return HttpResponse(status=502)
    score = answer.json()
    if not answer.ok:
        return JsonResponse({"advice": [score["detail"]]}, status=422)
    if score["verdict"] == "fail":
        return JsonResponse({"advice": [reason["advice"] for reason in score["reasons"]]}, status=422)
    # Here the photo is kept; an `unsure` one goes to a person, too.
    return JsonResponse({"verdict": score["verdict"], "quality": score["quality"]}, status=201)
