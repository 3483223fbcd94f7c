"""Uses the generated client: scores a photo, a batch and a text file, corrects a photo; reads every field typed."""

import io
import pathlib
import sys

from clearshot_client import Client
from clearshot_client.api.correcting import correct
from clearshot_client.api.models import models
from clearshot_client.api.scoring import profiles, score, score_batch
from clearshot_client.models import BatchForm, Problem, ScoreDetail, ScoreResponse, Verdict
from clearshot_client.types import File

client = Client(base_url=sys.argv[1])
photo = pathlib.Path("tests/fixtures/pavilion.jpg").read_bytes()


def file(content, name="photo.jpg"):
    return File(payload=io.BytesIO(content), file_name=name)


answer = score.sync(client=client, body=file(photo), profile="real-estate", detail=ScoreDetail.TILES)
assert isinstance(answer, ScoreResponse) and answer.verdict is Verdict.PASS, answer
assert answer.image.width == 640 and answer.profile == "real-estate" and answer.max_usable_width == 640
for found, unit in ((answer.scores.blur, "px"), (answer.scores.brightness, "V"), (answer.scores.rotation, "deg")):
    assert found.unit == unit and found.low <= found.value <= found.high and 0 <= found.quality <= 100
assert len(answer.tiles.tiles) == answer.tiles.columns * answer.tiles.rows
assert answer.models["blur"].startswith("blur-") and answer.models["exposure"] == answer.models["brightness"]
# A further metric: the service runs a copy of the brightness model under this name.
assert answer.scores["exposure"].value == answer.scores.brightness.value and answer.scores["exposure"].unit == "V"
assert answer.scores.additional_keys == ["exposure"] and answer.checks.additional_properties is not None

problem = score.sync(client=client, body=file(b"text"))
assert isinstance(problem, Problem) and (problem.status, problem.code) == (415, "unsupported_format"), problem

batch = score_batch.sync(client=client, body=BatchForm(image=[file(photo, "a.jpg"), file(b"text", "b.txt")]), summary=True)
assert [result.status for result in batch.results] == [200, 415] and batch.results[1].problem.code == "unsupported_format"
assert batch.summary.lead == 0 and batch.results[0].name == "a.jpg"

refused = correct.sync(client=client, body=file(photo))
assert isinstance(refused, Problem) and refused.code == "nothing_to_correct", refused
assert {profile.name for profile in profiles.sync(client=client).profiles} >= {"default", "car-dealer"}
assert len(models.sync(client=client).models) == 5
print("python: ok")
