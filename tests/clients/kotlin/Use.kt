import clearshot.apis.CorrectingApi
import clearshot.apis.ScoringApi
import clearshot.infrastructure.ClientError
import clearshot.infrastructure.ClientException
import clearshot.infrastructure.Serializer
import clearshot.models.Problem
import clearshot.models.ScoreJson
import clearshot.models.Verdict
import io.vertx.core.Future
import io.vertx.core.Vertx
import java.io.File
import java.util.Base64
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit

/** Uses the generated client: scores a photo and a text file, and asks for a correction that is refused. */
fun main(arguments: Array<String>) {
    val vertx = Vertx.vertx()
    try {
        use(ScoringApi(arguments[0], vertx = vertx), CorrectingApi(arguments[0], vertx = vertx))
    } finally {
        vertx.close()
    }
    println("kotlin: ok")
}

private fun use(scoring: ScoringApi, correcting: CorrectingApi) {
    val photo = inJson(File("tests/fixtures/pavilion.jpg").readBytes())
    val answer = answerOf(scoring.score(photo, "real-estate"))
    check(answer.verdict == Verdict.pass && answer.image.width == 640) { answer }
    val rotation = answer.scores.getValue("rotation")
    check(rotation.low <= rotation.value && rotation.value <= rotation.high) { rotation }
    check(answer.models.getValue("blur").startsWith("blur-") && answer.maxUsableWidth == 640) { answer }
    // A further metric: the service runs a copy of the brightness model under this name.
    check(answer.scores.getValue("exposure").value == answer.scores.getValue("brightness").value) { answer }
    check(answer.models["exposure"] == answer.models["brightness"]) { answer }
    check(codeOf(scoring.score(inJson("text".toByteArray()))) == "unsupported_format") { "a text is scored" }
    check(codeOf(correcting.correct(photo)) == "nothing_to_correct") { "a good photo is corrected" }
}

private fun inJson(file: ByteArray) = ScoreJson(image = Base64.getEncoder().encodeToString(file))

private fun <T> answerOf(call: Future<T>): T = call.toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS)

private fun codeOf(call: Future<*>): String {
    val refusal = try {
        answerOf(call)
        return ""
    } catch (failed: ExecutionException) {
        failed.cause as? ClientException ?: throw failed
    }
    return Serializer.gson.fromJson((refusal.response as ClientError<*>).body as String, Problem::class.java).code
}
