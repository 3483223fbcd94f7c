"""A Django view that takes a listing's photo only if it can be published, and tells its owner what to do if not."""

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
    if not answer.ok:
        return JsonResponse({"advice": [answer.json()["detail"]]}, status=422)
    score = answer.json()
    if score["verdict"] == "fail":
        return JsonResponse({"advice": [reason["advice"] for reason in score["reasons"]]}, status=422)
    # Here the photo is kept; an `unsure` one goes to a person, too.
    return JsonResponse({"verdict": score["verdict"], "quality": score["quality"]}, status=201)
